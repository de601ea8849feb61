-- Take or prolong a node's lease, unless another instance of the node holds it.
--
-- KEYS[1]  node:<node>  the lease
-- ARGV[1]  instance: differs for every process that ever called itself this node
-- ARGV[2]  ttl_ms
-- ARGV[3]  an instance whose lease may be taken over, because its process is dead; empty for none
--
-- Returns  1 when the lease is ours until ttl_ms from now, 0 when another instance has it

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[3] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
