-- Delete the hash of a session that was taken over. Refused while the pointer still names it: then it is live.
--
-- KEYS[1]  owner:{player}          the pointer, only read
-- KEYS[2]  session:{player}:epoch  the hash under our dead epoch's name
-- ARGV[1]  our epoch
--
-- Returns  1 when deleted or not there, 0 when it is the live one and was left alone

local pointer = redis.call('HGET', KEYS[1], 'epoch')
if pointer and tonumber(pointer) == tonumber(ARGV[1]) then
  return 0
end
redis.call('DEL', KEYS[2])
return 1
