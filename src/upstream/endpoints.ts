// Which host a call goes to: one URL for everything, or AWS's hosts by Region, endpoint mode and operation.

/**
 * "account" is AWS's account-based endpoint for the data; streams keep their Regional host, as in the AWS
 * SDKs.
 */
export type AwsEndpointMode = "regional" | "dual-stack" | "account";

export interface EndpointOptions {
  /** "aws", or the http(s) URL that gets everything. */
  readonly upstream: string;
  readonly region: string;
  /** Only for "aws"; default "regional". */
  readonly mode?: AwsEndpointMode | undefined;
  /** 12 digits; needed by the mode "account". */
  readonly accountId?: string | undefined;
}

export interface Endpoint {
  /** Scheme, host and port, for example "https://dynamodb.eu-west-1.amazonaws.com". */
  readonly origin: string;
  /** The Host header, with the port where it is not the scheme's own. */
  readonly host: string;
  readonly path: string;
}

export interface Endpoints {
  /** The endpoint for a full X-Amz-Target. */
  resolve(target: string): Endpoint;
}

interface Partition {
  readonly regions: RegExp;
  readonly dnsSuffix: string;
  readonly dualStackDnsSuffix: string;
  /** How the streams' dual-stack host begins; the younger partitions kept the Regional spelling. */
  readonly dualStackStreams?: string;
}

/** AWS's partitions as the SDKs list them (endpoints test: compared with the installed SDK's own rules). */
const partitions: readonly Partition[] = [
  {
    regions: /^cn-\w+-\d+$/,
    dnsSuffix: "amazonaws.com.cn",
    dualStackDnsSuffix: "api.amazonwebservices.com.cn",
    dualStackStreams: "streams-dynamodb",
  },
  {
    regions: /^eusc-de-\w+-\d+$/,
    dnsSuffix: "amazonaws.eu",
    dualStackDnsSuffix: "api.amazonwebservices.eu",
  },
  { regions: /^us-iso-\w+-\d+$/, dnsSuffix: "c2s.ic.gov", dualStackDnsSuffix: "api.aws.ic.gov" },
  { regions: /^us-isob-\w+-\d+$/, dnsSuffix: "sc2s.sgov.gov", dualStackDnsSuffix: "api.aws.scloud" },
  {
    regions: /^eu-isoe-\w+-\d+$/,
    dnsSuffix: "cloud.adc-e.uk",
    dualStackDnsSuffix: "api.cloud-aws.adc-e.uk",
  },
  { regions: /^us-isof-\w+-\d+$/, dnsSuffix: "csp.hci.ic.gov", dualStackDnsSuffix: "api.aws.hci.ic.gov" },
];
/** The commercial Regions, GovCloud, and Regions we do not know yet. */
const common: Partition = {
  regions: /./,
  dnsSuffix: "amazonaws.com",
  dualStackDnsSuffix: "api.aws",
  dualStackStreams: "streams-dynamodb",
};

const streamsPrefix = "DynamoDBStreams_20120810.";
const searchTarget = "DynamoDB_20120810.SearchVectors";

/** Throws an Error that says what to do if the options do not name an endpoint. */
export function createEndpoints(options: EndpointOptions): Endpoints {
  if (options.upstream !== "aws") {
    const only = endpointAt(options.upstream);
    return { resolve: () => only };
  }
  const { data, streams, search } = awsHosts(options);
  const [atData, atStreams, atSearch] = [data, streams, search].map((host) => endpointAt(`https://${host}`));
  if (!atData || !atStreams || !atSearch) throw new Error("an AWS host is missing");
  return {
    resolve(target) {
      if (target.startsWith(streamsPrefix)) return atStreams;
      return target === searchTarget ? atSearch : atData;
    },
  };
}

interface AwsHosts {
  readonly data: string;
  readonly streams: string;
  readonly search: string;
}

function awsHosts({ region, mode = "regional", accountId }: EndpointOptions): AwsHosts {
  // A Region becomes part of a host name to which we send signed requests.
  if (!/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(region)) {
    throw new Error(`"${region}" cannot be an AWS Region; set region or AWS_REGION.`);
  }
  const partition = partitions.find(({ regions }) => regions.test(region)) ?? common;
  const { dnsSuffix, dualStackDnsSuffix, dualStackStreams = "streams.dynamodb" } = partition;
  if (mode === "dual-stack") {
    return {
      data: `dynamodb.${region}.${dualStackDnsSuffix}`,
      streams: `${dualStackStreams}.${region}.${dualStackDnsSuffix}`,
      search: `search-dynamodb.${region}.${dualStackDnsSuffix}`,
    };
  }
  const streams = `streams.dynamodb.${region}.${dnsSuffix}`;
  if (mode === "account") {
    if (!/^\d{12}$/.test(accountId ?? "")) {
      throw new Error("awsEndpointMode: account needs awsAccountId with the account's 12 digits.");
    }
    const account = `${region}.${dnsSuffix}`;
    return { data: `${accountId}.ddb.${account}`, streams, search: `${accountId}.search-ddb.${account}` };
  }
  return {
    data: `dynamodb.${region}.${dnsSuffix}`,
    streams,
    search: `search-dynamodb.${region}.${dnsSuffix}`,
  };
}

function endpointAt(address: string): Endpoint {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new Error(`The upstream "${address}" is neither "aws" nor an http or https URL.`);
  }
  return { origin: url.origin, host: url.host, path: url.pathname };
}
