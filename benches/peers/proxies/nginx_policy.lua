-- The policy case in nginx: checks an ES256 access token, counts its app, and leaves the app's name for the log.

local base64 = require "ngx.base64"
local cjson = require "cjson.safe"
local digest = require "openssl.digest"
local pkey = require "openssl.pkey"

local CEILING = 100000000
local WINDOW_SECONDS = 10

local policy = {}
local public_key

function policy.load_key(path)
    local file = assert(io.open(path))
    public_key = pkey.new(file:read("*a"))
    file:close()
end

-- A number of a JWS signature as DER has it: no leading zeros, and never negative.
local function der_number(bytes)
    local number = bytes:gsub("^%z+", "")
    if number == "" or number:byte() >= 0x80 then
        number = "\0" .. number
    end
    return "\2" .. string.char(#number) .. number
end

local function is_signed(signed, signature)
    if #signature ~= 64 then
        return false
    end
    local numbers = der_number(signature:sub(1, 32)) .. der_number(signature:sub(33))
    local der = "\48" .. string.char(#numbers) .. numbers
    return public_key:verify(der, digest.new("sha256"):update(signed))
end

-- The claims of a token that is right, else nil.
local function claims_of(token)
    local signed, head, body, signature = token:match("^(([^.]+)%.([^.]+))%.([^.]+)$")
    if not signed then
        return nil
    end
    local header = cjson.decode(base64.decode_base64url(head) or "")
    if not header or header.alg ~= "ES256" then
        return nil
    end
    if not is_signed(signed, base64.decode_base64url(signature) or "") then
        return nil
    end
    local claims = cjson.decode(base64.decode_base64url(body) or "")
    return claims and claims.exp > ngx.time() and claims or nil
end

function policy.check()
    local token = (ngx.var.http_authorization or ""):match("^Bearer (.+)$")
    local claims = token and claims_of(token)
    if not claims then
        return ngx.exit(401)
    end
    if ngx.shared.apps:incr(claims.client_id, 1, 0, WINDOW_SECONDS) > CEILING then
        return ngx.exit(429)
    end
    ngx.var.app = claims.client_id
end

return policy
