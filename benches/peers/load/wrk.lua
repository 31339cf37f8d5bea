-- For wrk. Arguments after --: a file of calls (see calls.py) or -, the number of the first one, bytes of the request body.
-- At the end it prints its figures as one line of JSON.

function init(args)
    local file, first, body_bytes = args[1], tonumber(args[2]), tonumber(args[3])
    if body_bytes > 0 then
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/octet-stream"
        wrk.body = string.rep("x", body_bytes)
    end
    if file == "-" then
        return
    end
    local requests = {}
    for path, header in io.open(file):read("*a"):gmatch("([^\t\n]*)\t([^\n]*)\n") do
        local fields = header == "" and "" or header .. "\r\n"
        requests[#requests + 1] = "GET " .. path .. " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\n" .. fields .. "\r\n"
    end
    local at = first
    -- A global of this name makes wrk ask for every request; it exists only when needed, since it costs time.
    request = function()
        at = at % #requests + 1
        return requests[at]
    end
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"microseconds":%d,"bytes":%d,"refused":%d,"socket_errors":%d}\n',
        summary.requests, summary.duration, summary.bytes,
        errors.status, errors.connect + errors.read + errors.write + errors.timeout
    ))
end
