//! The scripts that Redis runs atomically.
//!
//! A log is a stream, whose ids are the positions, and a hash with its extent. Numbers of Lua are exact up to 2^53, and positions are
//! below it; `tostring` would round them, `string.format` does not.

use ::redis::Script;

/// `KEYS`: the key. `ARGV`: the old value, the new one, and its time to live.
const REPLACE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
";

/// `KEYS`: the entries and the extent. `ARGV`: the value, its time to live, the most entries, the most bytes, and the time for which the log
/// is known after its last entry has expired.
const APPEND: &str = "
local entries, extent = KEYS[1], KEYS[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', extent, 'last', 'bytes', 'expires')
local last, bytes, expires = tonumber(known[1]), tonumber(known[2]), tonumber(known[3])
if not last then
    redis.call('DEL', entries)
    last, bytes, expires = now * 1000, 0, 0
    redis.call('HSET', extent, 'start', string.format('%.0f', last))
end
local size, count = #ARGV[1] + 64, redis.call('XLEN', entries)
-- All entries may have expired together.
if count == 0 then bytes = 0 end
for _ = 1, 64 do
    local oldest = redis.call('XRANGE', entries, '-', '+', 'COUNT', 1)[1]
    if not oldest then break end
    local fits = count < tonumber(ARGV[3]) and bytes + size <= tonumber(ARGV[4])
    if fits and tonumber(oldest[2][4]) > now then break end
    redis.call('XDEL', entries, oldest[1])
    count, bytes = count - 1, bytes - #oldest[2][2] - 64
end
local position = last + 1
local gone = now + tonumber(ARGV[2])
redis.call('XADD', entries, string.format('%.0f-0', position), 'value', ARGV[1], 'expires', string.format('%.0f', gone))
expires = math.max(expires, gone)
redis.call('HSET', extent, 'last', string.format('%.0f', position), 'bytes', string.format('%.0f', bytes + size),
    'expires', string.format('%.0f', expires))
redis.call('PEXPIREAT', entries, string.format('%.0f', expires))
redis.call('PEXPIREAT', extent, string.format('%.0f', expires + tonumber(ARGV[5])))
return position
";

/// `KEYS`: the entries and the extent. `ARGV`: the position after which the entries are, and the most of them. Returns the start of
/// the log, its last position, the position of the reader, and the entries.
const READ: &str = "
local known = redis.call('HMGET', KEYS[2], 'start', 'last')
local start, last = tonumber(known[1]), tonumber(known[2])
if not last then return {0, 0, 0, {}} end
local base = tonumber(ARGV[1])
if base < start or base > last then base = start end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('XRANGE', KEYS[1], string.format('%.0f-0', base + 1), '+', 'COUNT', ARGV[2])
local position, entries = last, {}
for _, entry in ipairs(found) do
    local at = tonumber(string.match(entry[1], '^%d+'))
    if tonumber(entry[2][4]) > now then entries[#entries + 1] = {at, entry[2][2]} end
    if #found == tonumber(ARGV[2]) then position = at end
end
return {start, last, position, entries}
";

/// The scripts, which Redis knows by their digests.
pub(super) struct Scripts {
    pub(super) replace: Script,
    pub(super) append: Script,
    pub(super) read: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            replace: Script::new(REPLACE),
            append: Script::new(APPEND),
            read: Script::new(READ),
        }
    }
}
