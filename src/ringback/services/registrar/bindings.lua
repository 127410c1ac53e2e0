-- Apply one REGISTER to the bindings of a DN (RFC 3261 10.3 steps 6 to 8), or only clear what has expired.
-- KEYS: bindings hash, expiries, event stream. ARGV: now (ms), dn, limit, event (JSON), stream length, then
-- for each change: id, call_id, cseq, expires_at (ms, 0 removes), value. Returns
-- {verdict, event sent or "", living bindings but those that were just set...}.
local now, dn, first = tonumber(ARGV[1]), ARGV[2], 6

-- A quote within a text of JSON is escaped: what is found so is the field itself.
local EXPIRES_AT, CSEQ = '"expires_at":([%d.eE+-]+)', '"cseq":(%d+)'
local function is_of(value, call_id)
  if string.find(call_id, '[%c"\\]') then return cjson.decode(value).call_id == call_id end
  return string.find(value, '"call_id":"' .. call_id .. '"', 1, true) ~= nil
end

local living, ends, count = {}, {}, 0
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local id, value = flat[i], flat[i + 1]
  local till = tonumber(string.match(value, EXPIRES_AT) or 0) * 1000
  if till > now then
    living[id], ends[id], count = value, till, count + 1
  else
    redis.call('HDEL', KEYS[1], id)
  end
end

local after = count
for i = first, #ARGV, 5 do
  local old, till = living[ARGV[i]], tonumber(ARGV[i + 3])
  if old and is_of(old, ARGV[i + 1]) and tonumber(string.match(old, CSEQ) or 0) >= tonumber(ARGV[i + 2]) then
    return {'out_of_order', ''}
  end
  if not old and till > 0 then after = after + 1 end
  if old and till == 0 then after = after - 1 end
end
if after > tonumber(ARGV[3]) then return {'too_many', ''} end

for i = first, #ARGV, 5 do
  local id, till = ARGV[i], tonumber(ARGV[i + 3])
  if till > 0 then
    redis.call('HSET', KEYS[1], id, ARGV[i + 4])
    living[id], ends[id] = nil, till
  else
    redis.call('HDEL', KEYS[1], id)
    living[id], ends[id] = nil, nil
  end
end

local last, result = 0, {'ok', ''}
for id, till in pairs(ends) do
  last = math.max(last, till)
  if living[id] then table.insert(result, living[id]) end
end
local name = ''
if last > 0 then
  last = string.format('%.0f', last)
  redis.call('PEXPIREAT', KEYS[1], last)
  if redis.call('ZADD', KEYS[2], last, dn) == 1 then name = 'EventDNBackInService' end
else
  redis.call('DEL', KEYS[1])
  if redis.call('ZREM', KEYS[2], dn) == 1 then name = 'EventDNOutOfService' end
end
if name ~= '' then
  local event, held = cjson.decode(ARGV[4]), 0
  for _ in pairs(ends) do held = held + 1 end
  event.id, event.ThisDN, event.time, event.Contacts = name, dn, now / 1000, held
  if last == 0 then event.Contacts = 0 else event.Reason = nil end
  result[2] = cjson.encode(event)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'e', result[2])
end
return result
