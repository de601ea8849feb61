-- Make a session the live one of its player, in one step: move the live hash of the older epoch to the new name, or
-- write the initial fields where there is none, and point the owner at it.
--
-- KEYS[1]  owner:{player}          the pointer
-- KEYS[2]  session:{player}:new    the hash to be live
-- KEYS[3]  session:{player}:old    the hash the caller believes is live; that of the epoch before the new one when it
--                                  believes there is none: what a dead node wrote there without a pointer is deleted
-- KEYS[4]  foreign:{player}:…      where the hash the caller believes is live is set aside, if it is of another history
-- ARGV[1]  the new epoch
-- ARGV[2]  node
-- ARGV[3]  zone, for a session that starts anew; one that is moved stays in the zone it is in
-- ARGV[4]  the epoch the caller believes the pointer holds; '' for none
-- ARGV[5]  the history the caller believes the pointer holds; '' for none
-- ARGV[6]  our history of SQL; '' when none is kept
-- ARGV[7]  '1' to move the older epoch's hash to the new name; '0' to set it aside, because it is of another history;
--          '-' to delete it, because SQL has been saved under a later epoch since
-- ARGV[8…] name, value, … of the initial fields
--
-- Returns  {'stale', pointer's epoch}           the pointer holds this epoch or a newer one; nothing changed
--          {'moved', pointer's epoch or ''}     the pointer is not what the caller believed; nothing changed
--          {'opened', name, value, …}           the fields now live

local owner = redis.call('HMGET', KEYS[1], 'epoch', 'history')
local pointer = owner[1] or ''
if not string.find(pointer, '^%d+$') or #pointer > 15 then
  pointer = ''  -- no node has written that: it counts as lost
end
local history = pointer ~= '' and owner[2] or ''  -- of a pointer that lost its epoch nothing counts
-- Arguments and values are strings, and '9' > '10': compare numbers.
if pointer ~= '' and tonumber(pointer) >= tonumber(ARGV[1]) then
  return {'stale', pointer}
end
if pointer ~= ARGV[4] or history ~= ARGV[5] then
  return {'moved', pointer}
end

local zone = ARGV[3]
if pointer ~= '' and ARGV[7] == '0' and redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('RENAME', KEYS[3], KEYS[4])
end
if pointer ~= '' and ARGV[7] == '1' and redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('RENAME', KEYS[3], KEYS[2])
  zone = redis.call('HGET', KEYS[2], 'zone') or zone
else
  redis.call('DEL', KEYS[2], KEYS[3])
  for at = 8, #ARGV, 2 do
    redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  end
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'node', ARGV[2], 'zone', zone)
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'history', ARGV[6])
end

local fields = redis.call('HGETALL', KEYS[2])
table.insert(fields, 1, 'opened')
return fields
