-- Picks the caller number of a call, and tells how the call went on:
--   lua callerid.lua pick      in the dialplan, before the bridge
--   lua callerid.lua outcome   as api_hangup_hook, where the call's variables come as `env`
-- The call's uuid is the call_id. Needs mod_curl.

-- The SIP answer for a refusal; a code that is not here means that this script asked wrongly.
local answers = {
    NoEligibleNumber = "480",
    CalleeBudgetExceeded = "480",
    OutsideCallingWindow = "480",
    InvalidCalledNumber = "484",
}

-- The result for an originate_disposition; what is not here failed.
local results = {
    ["call accepted"] = "answered",
    SUCCESS = "answered",
    USER_BUSY = "busy",
    NO_ANSWER = "no_answer",
    NO_USER_RESPONSE = "no_answer",
    ALLOTTED_TIMEOUT = "no_answer",
    ORIGINATOR_CANCEL = "no_answer",
    CALL_REJECTED = "rejected",
}

local function variable(name)
    if argv[1] == "outcome" then return env:getHeader(name) end
    return session:getVariable(name)
end

-- Percent-encoded for a form, twice: mod_curl decodes what it posts once.
local function field(name, value)
    local function escaped(text)
        return (text:gsub("[^%w._~-]", function(sign) return ("%%%02X"):format(sign:byte()) end))
    end
    return name .. "=" .. escaped(escaped(value))
end

-- Posts a form, less the fields without a value, and returns the first line of the answer: "" where
-- none came within a second.
local function post(path, fields)
    local form = {}
    for name, value in pairs(fields) do
        if value ~= "" then form[#form + 1] = field(name, value) end
    end
    local url = (variable("callerid_url") or "http://127.0.0.1:8080"):gsub("/+$", "")
    local token = variable("callerid_token") or "none"
    local command = ("%s%s timeout 1 append_headers 'Authorization: Bearer %s' post %s")
        :format(url, path, token, table.concat(form, "&"))
    local answer = freeswitch.API():execute("curl", command) or ""
    return answer:match("^[^\r\n]*")
end

local function show(caller)
    session:setVariable("effective_caller_id_number", caller)
    session:setVariable("effective_caller_id_name", caller)
end

local function refuse(answer)
    freeswitch.consoleLog("NOTICE", "callerid refused: " .. answer .. "\n")
    local code = answer:match("^%a+") or "NoCallerId"
    session:execute("respond", (answers[code] or "500") .. " " .. code)
    session:hangup()
end

-- Nobody decided: callerid_default is shown, where it is set, without any cap, budget or window.
local function away(answer)
    freeswitch.consoleLog("ERR", "callerid is away: " .. answer .. "\n")
    local caller = variable("callerid_default")
    if caller then return show(caller) end
    session:execute("respond", "503 Caller-ID Service Unavailable")
    session:hangup()
end

local function pick()
    local answer = post("/v1/pick?format=text", {
        call_id = variable("uuid"),
        called_number = variable("destination_number"),
        skill_group_ids = variable("callerid_groups"),
    })
    if answer:match("^%d+$") then
        session:setVariable("callerid_picked", "true")
        show(answer)
    elseif answer == "" or answer:match("^Overloaded:") or answer:match("^InventoryUnavailable:") then
        away(answer)
    else
        refuse(answer)
    end
end

local function tell()
    if variable("callerid_picked") ~= "true" then return end
    local cause = variable("last_bridge_proto_specific_hangup_cause") or ""
    local code = cause:match("^sip:(%d%d%d)$")
    local result = results[variable("originate_disposition")] or "failed"
    if code == "607" or code == "608" then result = "blocked" end    -- RFC 8197, RFC 8688
    post("/v1/outcomes", {
        call_id = variable("uuid"),
        result = result,
        sip_code = result ~= "answered" and code or nil,
        called_number = variable("destination_number"),
        talk_ms = variable("billmsec"),
    })
end

if argv[1] == "outcome" then
    tell()
else
    -- The dialplan goes on to the bridge, also where this script fails: then nobody decided.
    local fine, why = pcall(pick)
    if not fine then away(why) end
end
