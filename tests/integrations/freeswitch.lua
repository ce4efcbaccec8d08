-- Stands in for FreeSWITCH around one of its Lua scripts: SCRIPT ARGUMENT NAME=VALUE…
-- The call's variables come as words; what the script does to the call is printed, a line each. The
-- API command `curl` is read as mod_curl reads it (words, quotes, one percent-decoding of what is
-- posted) and carried out by the program curl.

local variables = {}
for at = 3, #arg do
    local name, value = arg[at]:match("^([^=]+)=(.*)$")
    variables[name] = value
end
argv = { arg[2] }

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function words(text)
    local found, rest = {}, text
    while rest ~= "" do
        local word, after = rest:match("^'([^']*)' *(.*)$")
        if not word then word, after = rest:match("^(%S+) *(.*)$") end
        found[#found + 1], rest = word, after
    end
    return found
end

local function curl(command)
    local given = words(command)
    assert(#given <= 10, "mod_curl reads ten words")
    local line = { "curl --silent", quoted(given[1]) }
    local at = 2
    while at <= #given do
        local option, value = given[at], given[at + 1]
        if option == "timeout" then
            line[#line + 1] = "--max-time " .. quoted(value)
        elseif option == "append_headers" then
            line[#line + 1] = "--header " .. quoted(value)
        elseif option == "post" then
            local decoded = value:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
            line[#line + 1] = "--data-raw " .. quoted(decoded)
        else
            error("no option of mod_curl: " .. option)
        end
        at = at + 2
    end
    local pipe = assert(io.popen(table.concat(line, " ")))
    local answer = pipe:read("a")
    pipe:close()
    return answer
end

freeswitch = {
    consoleLog = function(level, text) io.write("log ", level, " ", text) end,
    API = function()
        return {
            execute = function(_, name, command)
                assert(name == "curl", "no such API command")
                return curl(command)
            end,
        }
    end,
}

if arg[2] == "outcome" then
    env = { getHeader = function(_, name) return variables[name] end }
else
    session = {
        getVariable = function(_, name) return variables[name] end,
        setVariable = function(_, name, value) print("set " .. name .. "=" .. value) end,
        execute = function(_, application, data) print(application .. " " .. data) end,
        hangup = function() print("hangup") end,
    }
end

dofile(arg[1])
