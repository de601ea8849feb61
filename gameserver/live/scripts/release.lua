-- Give up a node's lease, if it is this instance's.
--
-- KEYS[1]  node:<node>  the lease
-- ARGV[1]  instance
--
-- Returns  1 when given up, 0 when it was not ours

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
return 1
