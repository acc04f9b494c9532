-- What nginx's own directives cannot say: which cookies are whose, verdicts kept in memory, and where a
-- request goes. Loaded once, before the workers start.
--
-- ref: https://github.com/openresty/lua-nginx-module, https://github.com/openresty/lua-resty-core (ngx.balancer)

-- It runs for every request, so it keeps to what LuaJIT compiles: string.find of plain texts, no patterns.

local balancer = require "ngx.balancer"

local find, sub, byte, concat = string.find, string.sub, string.byte, table.concat
local sha1 = ngx.sha1_bin
local SPACE, TAB = byte(" "), byte("\t")

local M = {}

-- Seconds for which a verdict may be repeated, whatever the gate says. An address can be given to another
-- pod afterwards.
local LONGEST = 2
local SAFE = { GET = true, HEAD = true, OPTIONS = true }
-- Cookies that no service may see, beside those of the Hub, which start with "jupyterhub-".
local PRIVATE = { ["karvdash"] = true, ["karvdash-login"] = true }
local verdicts = ngx.shared.karvdash_verdicts
local secret, name_of_session, name_of_login, hub_away

-- Called before the workers start, so that all of them share the secret.
function M.start(cookie, page)
    local file = assert(io.open(page, "rb"))
    hub_away = file:read("*a")
    file:close()
    local random = assert(io.open("/dev/urandom", "rb"))
    secret = random:read(32)
    random:close()
    name_of_session, name_of_login = cookie, cookie .. "-login"
end

local function trim(text, first, last)
    while first <= last and (byte(text, first) == SPACE or byte(text, first) == TAB) do
        first = first + 1
    end
    while last >= first and (byte(text, last) == SPACE or byte(text, last) == TAB) do
        last = last - 1
    end
    return sub(text, first, last)
end

local function is_private(name)
    if sub(name, 1, 7) == "__Host-" then
        name = sub(name, 8)
    end
    return PRIVATE[name] or sub(name, 1, 11) == "jupyterhub-"
end

-- Divide a Cookie header: the gate's cookies, and the service's. The Hub's, if a browser ever sends one
-- here, are nobody's.
local function divide(header)
    local gate, service, first = "", "", 1
    while first <= #header do
        local last = (find(header, ";", first, true) or #header + 1) - 1
        local pair = trim(header, first, last)
        local name = trim(pair, 1, (find(pair, "=", 1, true) or #pair + 1) - 1)
        if name == name_of_session or name == name_of_login then
            gate = gate == "" and pair or gate .. "; " .. pair
        elseif pair ~= "" and not is_private(name) then
            service = service == "" and pair or service .. "; " .. pair
        end
        first = last + 2
    end
    return gate, service
end

-- Put the cookies into $karvdash_gate_cookies and $karvdash_cookies.
function M.divide_cookies()
    local var = ngx.var
    local header = var.http_cookie
    if header then
        var.karvdash_gate_cookies, var.karvdash_cookies = divide(header)
    end
end

-- All that a verdict depends on, save the path. A digest, so that memory holds no cookies, with a secret, so
-- that nobody can make two requests that share one.
local function key()
    local var = ngx.var
    local origin = SAFE[var.request_method] and "" or (var.http_origin or "-")
    return sha1(concat({
        secret, var.host, var.karvdash_gate_cookies, var.http_authorization or "", origin
    }, "\0"))
end

-- Divide the cookies, and let the visitor in without a question if the gate has just said yes.
function M.enter()
    M.divide_cookies()
    local known = verdicts:get(key())
    if not known then
        return
    end
    local var = ngx.var
    local first = find(known, "\n", 1, true)
    local second = find(known, "\n", first + 1, true)
    var.karvdash_upstream = sub(known, 1, first - 1)
    var.karvdash_user = sub(known, first + 1, second - 1)
    var.karvdash_token = sub(known, second + 1)
    return ngx.exec("@karvdash_service")
end

-- Keep the gate's answer, if it is yes and the gate allows it.
function M.remember()
    local seconds = tonumber(ngx.var.upstream_http_x_accel_expires) or 0
    if ngx.status ~= ngx.HTTP_OK or seconds <= 0 then
        return
    end
    local headers = ngx.header
    local answer = (headers["X-Karvdash-Upstream"] or "") .. "\n" .. (headers["X-Karvdash-User"] or "") .. "\n"
        .. (headers["X-Karvdash-Token"] or "")
    verdicts:set(key(), answer, math.min(seconds, LONGEST))
end

-- A 503 without a type is the Hub's proxy's: the Hub, which makes its error pages, is down.
-- ref: configurable-http-proxy 5.3.0, lib/configproxy.js handleProxyError
function M.hub_answers()
    local headers = ngx.header
    if ngx.status ~= 503 or headers["Content-Type"] then
        return
    end
    local person = find(ngx.var.http_accept or "", "text/html", 1, true)
    ngx.ctx.away = person and hub_away or "The Hub does not answer. Try again in a few seconds.\n"
    headers["Content-Type"] = person and "text/html; charset=utf-8" or "text/plain; charset=utf-8"
    headers["Content-Length"] = #ngx.ctx.away
    headers["Retry-After"] = 5
    headers["Cache-Control"] = "no-store"
end

-- Put our text in the place of the proxy's.
function M.say_hub_away()
    local text = ngx.ctx.away
    if not text then
        return
    end
    ngx.arg[1] = ngx.arg[2] and text or nil
end

-- Send the request to the first address of the verdict, and to the next one if it cannot be connected to.
-- Addresses are separated by commas.
function M.balance()
    local ctx = ngx.ctx
    local addresses = ngx.var.karvdash_upstream
    local first = ctx.next_address or 1
    local last = (find(addresses, ",", first, true) or #addresses + 1) - 1
    if last >= #addresses then
        ctx.next_address = 1
    else
        ctx.next_address = last + 2
        if first == 1 then
            balancer.set_more_tries(2)
        end
    end
    local colon = last
    while colon > first and byte(addresses, colon) ~= 58 do
        colon = colon - 1
    end
    local port = tonumber(sub(addresses, colon + 1, last))
    local done, problem = balancer.set_current_peer(sub(addresses, first, colon - 1), port)
    if not done then
        ngx.log(ngx.ERR, "cannot use the address ", addresses, ": ", problem)
        return ngx.exit(ngx.ERROR)
    end
end

return M
