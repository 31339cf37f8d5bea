-- For wrk. With a file of bearer tokens as argument, each request carries the next one; without, all are alike.
-- At the end it prints its figures as one line of JSON.

function init(args)
    if not args[1] then
        return
    end
    local requests = {}
    for token in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. token })
    end
    local at = 0
    -- A global of this name makes wrk ask for every request; it exists only when needed, since it costs time.
    request = function()
        at = at % #requests + 1
        return requests[at]
    end
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"not_2xx":%d,"socket_errors":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout
    ))
end
