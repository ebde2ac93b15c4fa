"""Calls of boto3 through the proxy, one function each: `python boto3_calls.py NAME TABLE`.

Nothing here knows the proxy: the endpoint comes from AWS_ENDPOINT_URL_DYNAMODB, as for any program of a user.
A wrong answer is an AssertionError; what x-dynatier-cache said is printed as a JSON list, one word a reply.
"""

import datetime
import json
import sys
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import boto3
import botocore.auth
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

OUTCOMES = []


def watch(client):
    """Notes the outcome of every reply that the client gets."""

    def note(http_response, **_):
        OUTCOMES.append(http_response.headers.get("x-dynatier-cache", "none").split(";")[0])

    client.meta.events.register("after-call.dynamodb", note)
    return client


def new_client():
    return watch(boto3.client("dynamodb"))


def new_table(name):
    resource = boto3.resource("dynamodb")
    watch(resource.meta.client)
    return resource.Table(name)


def client_reads(table):
    client = new_client()
    item = {"pk": {"S": "client"}, "sk": {"N": "1"}, "v": {"M": {"n": {"N": "1.5"}}}}
    client.put_item(TableName=table, Item=item)
    key = {"pk": item["pk"], "sk": item["sk"]}
    seen = [client.get_item(TableName=table, Key=key)["Item"] for _ in range(3)]
    assert seen == [item] * 3, seen
    assert "Item" not in client.get_item(TableName=table, Key={**key, "sk": {"N": "2"}})


def resource_types(name):
    table = new_table(name)
    item = {
        "pk": "resource",
        "sk": 1,
        "exact": Decimal("12345678901234567890.123456789012345678"),
        "bytes": Binary(b"\x00\xff"),
        "names": {"a", "ü"},
        "nested": {"list": [True, None, "", {"deep": Decimal(7)}]},
    }
    table.put_item(Item=item)
    key = {"pk": "resource", "sk": 1}
    for _ in range(3):
        assert table.get_item(Key=key)["Item"] == item
    cut = table.get_item(Key=key, ProjectionExpression="nested.#l[3]", ExpressionAttributeNames={"#l": "list"})
    assert cut["Item"] == {"nested": {"list": [{"deep": 7}]}}, cut


def fresh_after_update(name):
    table = new_table(name)
    key = {"pk": "fresh", "sk": 1}
    table.put_item(Item={**key, "n": 0})
    for expected in range(1, 6):
        table.update_item(Key=key, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1})
        assert [table.get_item(Key=key)["Item"]["n"] for _ in range(2)] == [expected] * 2
    table.delete_item(Key=key)
    assert "Item" not in table.get_item(Key=key)


def batch_writer(name):
    table = new_table(name)
    with table.batch_writer(overwrite_by_pkeys=["pk", "sk"]) as batch:
        for at in [*range(60), 0, 1]:
            batch.put_item(Item={"pk": "batch", "sk": at, "text": "x" * 50})
    keys = [{"pk": "batch", "sk": at} for at in range(60)]
    for _ in range(2):
        got = table.meta.client.batch_get_item(RequestItems={name: {"Keys": keys}})
        assert {item["sk"] for item in got["Responses"][name]} == set(range(60))
        assert not got["UnprocessedKeys"]
    with table.batch_writer() as batch:
        for key in keys[:30]:
            batch.delete_item(Key=key)
    left = table.query(KeyConditionExpression=Key("pk").eq("batch"), Select="COUNT")
    assert left["Count"] == 30, left


def paginators(name):
    table = new_table(name)
    client = new_client()
    with table.batch_writer() as batch:
        for at in range(25):
            batch.put_item(Item={"pk": "pages", "sk": at})
    query = {
        "TableName": name,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": {"S": "pages"}},
        "PaginationConfig": {"PageSize": 10},
    }
    OUTCOMES.clear()
    for _ in range(2):
        pages = list(client.get_paginator("query").paginate(**query))
        assert [len(page["Items"]) for page in pages] == [10, 10, 5]
        assert [int(item["sk"]["N"]) for page in pages for item in page["Items"]] == list(range(25))
    queried = OUTCOMES[:]
    for _ in range(2):
        scan = {"TableName": name, "FilterExpression": "pk = :p", "PaginationConfig": {"PageSize": 10}}
        scan["ExpressionAttributeValues"] = query["ExpressionAttributeValues"]
        counts = [page["Count"] for page in client.get_paginator("scan").paginate(**scan)]
        assert sum(counts) == 25, counts
    OUTCOMES[:] = queried + ["-"] + OUTCOMES[len(queried) :]


def conditions_of_the_resource(name):
    table = new_table(name)
    table.put_item(Item={"pk": "where", "sk": 1, "state": "open"})
    table.put_item(Item={"pk": "where", "sk": 2, "state": "shut"})
    for _ in range(2):
        found = table.query(
            KeyConditionExpression=Key("pk").eq("where") & Key("sk").between(1, 5),
            FilterExpression=Attr("state").eq("shut"),
            ScanIndexForward=False,
        )
        assert [item["sk"] for item in found["Items"]] == [2]


def transactions(name):
    client = new_client()

    def put(sk, condition=None):
        item = {"pk": {"S": "tx"}, "sk": {"N": str(sk)}}
        return {"Put": {"TableName": name, "Item": item, **({"ConditionExpression": condition} if condition else {})}}

    client.transact_write_items(TransactItems=[put(1), put(2)])
    gets = [{"Get": {"TableName": name, "Key": {"pk": {"S": "tx"}, "sk": {"N": str(sk)}}}} for sk in (1, 2)]
    assert len(client.transact_get_items(TransactItems=gets)["Responses"]) == 2
    try:
        client.transact_write_items(TransactItems=[put(3), put(2, "attribute_not_exists(pk)")])
    except client.exceptions.TransactionCanceledException as refused:
        reasons = [reason["Code"] for reason in refused.response["CancellationReasons"]]
        assert reasons == ["None", "ConditionalCheckFailed"], reasons
    else:
        raise AssertionError("the transaction was not cancelled")


def partiql(name):
    client = new_client()
    key = {"pk": {"S": "ql"}, "sk": {"N": "1"}}
    assert "Item" not in client.get_item(TableName=name, Key=key)
    client.execute_statement(Statement=f"""INSERT INTO "{name}" VALUE {{'pk': 'ql', 'sk': 1, 'v': 'a'}}""")
    assert client.get_item(TableName=name, Key=key)["Item"]["v"] == {"S": "a"}
    update = {"Statement": f"""UPDATE "{name}" SET v='b' WHERE pk='ql' AND sk=1"""}
    client.batch_execute_statement(Statements=[update])
    assert client.get_item(TableName=name, Key=key)["Item"]["v"] == {"S": "b"}


def typed_errors(name):
    client = new_client()
    item = {"pk": {"S": "typed"}, "sk": {"N": "1"}}
    client.put_item(TableName=name, Item=item)
    try:
        client.put_item(TableName=name, Item=item, ConditionExpression="attribute_not_exists(pk)")
        raise AssertionError("the condition did not fail")
    except client.exceptions.ConditionalCheckFailedException as failed:
        assert failed.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    try:
        client.get_item(TableName=f"{name}-not", Key=item)
        raise AssertionError("the table was found")
    except client.exceptions.ResourceNotFoundException:
        pass
    try:
        client.get_item(TableName=name, Key={"pk": {"S": "typed"}})
        raise AssertionError("half a key was enough")
    except ClientError as refused:
        assert refused.response["Error"]["Code"] == "ValidationException", refused


def waiters(name):
    client = new_client()
    other = f"{name}-waited"
    client.create_table(
        TableName=other,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    patience = {"Delay": 1, "MaxAttempts": 20}
    client.get_waiter("table_exists").wait(TableName=other, WaiterConfig=patience)
    assert other in [one for page in client.get_paginator("list_tables").paginate() for one in page["TableNames"]]
    client.delete_table(TableName=other)
    client.get_waiter("table_not_exists").wait(TableName=other, WaiterConfig=patience)


def one_get(name):
    """A hit for the test to tamper with; prints how often boto3 had to ask again."""
    got = new_client().get_item(TableName=name, Key={"pk": {"S": "one"}, "sk": {"N": "1"}})
    assert got["Item"]["v"] == {"S": "kept"}, got
    OUTCOMES.append(f"retries={got['ResponseMetadata']['RetryAttempts']}")


def one_put(name):
    put = new_client().put_item(TableName=name, Item={"pk": {"S": "one"}, "sk": {"N": "2"}})
    OUTCOMES.append(f"retries={put['ResponseMetadata']['RetryAttempts']}")


def shift_clock(by):
    """Moves the clock that boto3 signs by."""
    if hasattr(botocore.auth, "get_current_datetime"):
        now = botocore.auth.get_current_datetime
        botocore.auth.get_current_datetime = lambda *args, **kwargs: now(*args, **kwargs) + by
        return

    # Versions before 2025 ask the datetime module itself.
    class Shifted(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return datetime.datetime.utcnow() + by

    botocore.auth.datetime = SimpleNamespace(datetime=Shifted)


def refusal(name, minutes=0):
    """One read that is refused; prints boto3's own words for why. Signs as if the clock were wrong by so much."""
    shift_clock(timedelta(minutes=minutes))
    try:
        new_client().get_item(TableName=name, Key={"pk": {"S": "one"}, "sk": {"N": "1"}})
        OUTCOMES.append("accepted")
    except ClientError as error:
        OUTCOMES.append(f"{error.response['Error']['Code']}: {error.response['Error']['Message']}")


def refusal_of_a_slow_clock(name):
    refusal(name, -20)


def refusal_of_a_fast_clock(name):
    refusal(name, 20)


globals()[sys.argv[1]](sys.argv[2])
print(json.dumps(OUTCOMES))
