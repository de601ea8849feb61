-- Bring back a session that the server has lost, or has an older one of: point the owner at it again, and write what
-- memory holds of it. What ticks have written of it since is newer and stays.
--
-- KEYS[1]  owner:{player}          the pointer
-- KEYS[2]  session:{player}:epoch  our hash
-- KEYS[3]  session:{player}:old    the hash of the older epoch the caller believes the pointer names; ours for none
-- ARGV[1]  our epoch
-- ARGV[2]  node
-- ARGV[3]  zone
-- ARGV[4]  the epoch the caller believes the pointer holds; '' for none
-- ARGV[5]  our history of SQL; '' when none is kept
-- ARGV[6…] name, value, … of all fields, the seq among them
--
-- Returns  'stale'     the pointer holds a newer epoch; nothing changed
--          'moved'     the pointer is not what the caller believed; nothing changed
--          'restored'  the session is live, and whole

local pointer = redis.call('HGET', KEYS[1], 'epoch') or ''
if not string.find(pointer, '^%d+$') or #pointer > 15 then
  pointer = ''  -- no node has written that: it counts as lost
end
-- Arguments and values are strings, and '9' > '10': compare numbers.
if pointer ~= '' and tonumber(pointer) > tonumber(ARGV[1]) then
  return 'stale'
end
if pointer ~= ARGV[4] then
  return 'moved'
end

local seq = 0
for at = 6, #ARGV, 2 do
  if ARGV[at] == 'seq' then
    seq = tonumber(ARGV[at + 1])
  end
end
local written = string.match(redis.call('HGET', KEYS[2], 'seq') or '', '^%d+$')
local set = (written and tonumber(written) > seq) and 'HSETNX' or 'HSET'
for at = 6, #ARGV, 2 do
  redis.call(set, KEYS[2], ARGV[at], ARGV[at + 1])
end
if KEYS[3] ~= KEYS[2] then
  redis.call('DEL', KEYS[3])
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'node', ARGV[2], 'zone', ARGV[3])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'history', ARGV[5])
end
return 'restored'
