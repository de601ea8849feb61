-- Delete a session whose last state is committed in SQL, unless it is no longer ours or holds something newer.
--
-- KEYS[1]  owner:{player}          the pointer
-- KEYS[2]  session:{player}:epoch  our hash
-- ARGV[1]  our epoch
-- ARGV[2]  the seq that SQL has committed
--
-- Returns  'not_ours'  the pointer holds another epoch; our hash, which nobody reads, is deleted, the pointer kept
--          'newer'     our hash has a seq above the committed one; nothing changed
--          'removed'   hash and pointer are deleted
--          'gone'      there was neither

-- Arguments and values are strings, and '9' > '10': compare numbers.
local pointer = redis.call('HGET', KEYS[1], 'epoch') or ''
if not string.find(pointer, '^%d+$') or #pointer > 15 then
  pointer = ''  -- no node has written that: it counts as lost
end
if pointer ~= '' and tonumber(pointer) ~= tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[2])
  return 'not_ours'
end
local seq = string.match(redis.call('HGET', KEYS[2], 'seq') or '', '^%d+$')
if seq and tonumber(seq) > tonumber(ARGV[2]) then
  return 'newer'
end
if redis.call('DEL', KEYS[1], KEYS[2]) > 0 then
  return 'removed'
end
return 'gone'
