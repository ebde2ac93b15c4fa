/**
 * What runs inside Redis. Each script touches one tag (CHANGE also an entry in the same slot), so that it may run on any
 * node of a Cluster; nothing random happens there: new tokens are brought along.
 *
 * A tag is a hash: `t` its token, `c` when its last change was over, `b` when it was created, if that was where tags are
 * evicted, and per writer `m:<writer>` until when its change may land.
 */

import { hash } from "node:crypto";

export interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(lua: string): Script {
  return { lua, sha: hash("sha1", lua, "hex") };
}

/** Reads a tag; marks that ended before `now` become changes at their end, and are removed. */
const READ_TAG = `
local flat = redis.call('HGETALL', KEYS[1])
local now = tonumber(ARGV[1])
local token, changed, born, marks, last = false, 0, 0, {}, 0
local function read(mine)
  for at = 1, #flat, 2 do
    local name, value = flat[at], flat[at + 1]
    if name == 't' then token = value
    elseif name == 'c' then changed = math.max(changed, tonumber(value))
    elseif name == 'b' then born = tonumber(value)
    elseif string.sub(name, 1, 2) == 'm:' then
      local ends = tonumber(value)
      if ends <= now then
        changed = math.max(changed, ends)
        redis.call('HDEL', KEYS[1], name)
      elseif name ~= mine then
        marks[#marks + 1] = name
        marks[#marks + 1] = value
        last = math.max(last, ends)
      end
    end
  end
end
local function number(value) return string.format('%.0f', value) end
local function keep(ms)
  if ms > 0 then redis.call('PEXPIRE', KEYS[1], number(ms + math.max(0, last - now)))
  else redis.call('PERSIST', KEYS[1]) end
end
`;

/**
 * KEYS tag [entry] · ARGV now, token, changedAt, writer, pendingUntil, keepMs, bornAt [, imageHash].
 * A tag that was absent counts as changed at bornAt at least; one that was there keeps its birth.
 * Answers [token before or nil, changedAt, confirmed, bornAt, name of mark, its end, …], this writer's own mark included.
 */
export const CHANGE = script(`${READ_TAG}
local mine = 'm:' .. ARGV[4]
local ends = tonumber(ARGV[5])
read(mine)
changed = math.max(changed, tonumber(ARGV[3]))
if not token then
  born = tonumber(ARGV[7])
  changed = math.max(changed, born)
end
local confirmed = 0
if KEYS[2] and token then
  local head = redis.pcall('GETRANGE', KEYS[2], 0, 38)
  if type(head) == 'string' and #head == 39 and string.byte(head, 1) == 1
      and string.sub(head, 2, 17) == token and string.sub(head, 18, 39) == ARGV[8] then
    redis.call('SETRANGE', KEYS[2], 1, ARGV[2])
    confirmed = 1
  end
end
redis.call('HSET', KEYS[1], 't', ARGV[2], 'c', number(changed))
if not token and born > 0 then redis.call('HSET', KEYS[1], 'b', number(born)) end
if ends > 0 then
  redis.call('HSET', KEYS[1], mine, number(ends))
  marks[#marks + 1] = mine
  marks[#marks + 1] = number(ends)
  last = math.max(last, ends)
else
  redis.call('HDEL', KEYS[1], mine)
end
keep(tonumber(ARGV[6]))
return {token, number(changed), confirmed, number(born), unpack(marks)}
`);

/**
 * KEYS tag · ARGV token, bornAt, keepMs. Creates an absent tag, which counts as changed at bornAt; answers it as it stands
 * (flat, like HGETALL).
 */
export const ENSURE = script(`
local flat = redis.call('HGETALL', KEYS[1])
if #flat > 0 then return flat end
flat = {'t', ARGV[1], 'c', ARGV[2]}
if tonumber(ARGV[2]) > 0 then flat = {'t', ARGV[1], 'c', ARGV[2], 'b', ARGV[2]} end
redis.call('HSET', KEYS[1], unpack(flat))
if tonumber(ARGV[3]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return flat
`);

/** KEYS tag · ARGV now, writer. Removes the writer's mark; one that has ended stays a change. */
export const UNMARK = script(`${READ_TAG}
read(nil)
if token then redis.call('HSET', KEYS[1], 'c', number(changed)) end
redis.call('HDEL', KEYS[1], 'm:' .. ARGV[2])
return 1
`);

/** KEYS lease · ARGV holder, ms. */
export const LEASE = script(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);

/** KEYS lease · ARGV holder. */
export const RELEASE = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`);

/** KEYS checkpoint · ARGV keepMs, field, value, … */
export const SAVE_CHECKPOINT = script(`
for at = 2, #ARGV, 2 do
  if ARGV[at + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[at])
  else redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
`);

/**
 * KEYS log. Creates the log if it is gone, empty, its numbers going on from the server's clock in microseconds: whoever
 * read the old one then sees a hole, never a number again. Answers 1 if it was gone.
 */
export const OPEN_LOG = script(`
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local id = '0-' .. string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2]))
redis.call('XADD', KEYS[1], id, 'b', '')
redis.call('XDEL', KEYS[1], id)
return 1
`);

/**
 * KEYS ids · ARGV run id, replication id, whether replicas are expected. That they are stays so as long as the run id is
 * the same. Answers whether replicas are expected.
 */
export const STORE_IDS = script(`
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'run', ARGV[1], 'replication', ARGV[2])
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'replicas', '1') end
return redis.call('HEXISTS', KEYS[1], 'replicas')
`);

export const SCRIPTS: readonly Script[] = [
  CHANGE,
  ENSURE,
  UNMARK,
  LEASE,
  RELEASE,
  SAVE_CHECKPOINT,
  OPEN_LOG,
  STORE_IDS,
];
