-- "Why was nothing shown here?": takes the cursor, shows what the server answers to `lory/explain`.
local modes = require('lory.modes')
local shown = require('lory.shown')

local M = {}

local YIELDED = "Nothing was asked for here: a completion menu was open, and option menu is 'yield'."

---@class (exact) lory.Station
---@field station string
---@field verdict 'passed'|'stopped'
---@field detail string

---@class (exact) lory.Explanation
---@field summary string
---@field read boolean
---@field reason string
---@field state string
---@field message string
---@field request? { position: lsp.Position, ageMs: number, shown: string[], stations: lory.Station[] }

---An explanation as lines of a window.
---@param explained lory.Explanation
---@return string[]
function M.lines(explained)
  local lines = { explained.summary }
  local request = explained.request
  if type(request) ~= 'table' then
    return lines
  end
  local where = 'Asked %.1f s ago at line %d:'
  vim.list_extend(lines, { '', where:format(request.ageMs / 1000, request.position.line + 1), '' })
  for _, station in ipairs(request.stations) do
    local mark = station.verdict == 'passed' and '✓' or '✗'
    table.insert(lines, ('%s %s: %s'):format(mark, station.station, (station.detail:gsub('\n', ' '))))
  end
  return lines
end

---The columns that the cursor may stand for: its own, and on a character the one behind it, since leaving insert mode
---moves the cursor back.
---@return integer[] columns In bytes.
local function columns()
  local _, column, line = shown.cursor()
  local behind = column + #vim.fn.strpart(line, column, 1, true)
  return modes.is_inserting() and { column } or { column, behind }
end

---The same as the server counts.
---@param encoding string
---@return lsp.Position[]
local function places(encoding)
  local row, _, line = shown.cursor()
  return vim.tbl_map(function(column)
    return { line = row, character = vim.str_utfindex(line, encoding, column, false) }
  end, columns())
end

---@param client vim.lsp.Client
---@param buffer integer
---@param position? lsp.Position Nil for the document's last request, wherever it was.
---@param take fun(explained: lory.Explanation)
local function ask(client, buffer, position, take)
  local params = { textDocument = { uri = vim.uri_from_bufnr(buffer) }, position = position }
  client:request('lory/explain', params, function(err, explained)
    if err then
      vim.notify('lory: the server explains nothing: ' .. err.message, vim.log.levels.ERROR)
    else
      take(explained)
    end
  end, buffer)
end

---@param client vim.lsp.Client
---@param buffer integer
---@param take fun(explained: lory.Explanation)
local function ask_here(client, buffer, take)
  local here = places(client.offset_encoding)
  ask(client, buffer, nil, function(explained)
    local request = explained.request
    local is_elsewhere = type(request) == 'table' and not vim.iter(here):any(function(position)
      return vim.deep_equal(position, request.position)
    end)
    if is_elsewhere then
      ask(client, buffer, here[#here], take)
    else
      take(explained)
    end
  end)
end

---Show why there is ghost text or none at the cursor.
function M.show()
  local buffer = vim.api.nvim_get_current_buf()
  local client = require('lory.client').of(buffer)
  local float = require('lory.window').float
  if not client then
    float({ ('Nothing is asked for here: %s.'):format(require('lory.status').state(buffer).message) })
  elseif vim.iter(columns()):any(require('lory.ghost_text').has_yielded) then
    float({ YIELDED })
  else
    ask_here(client, buffer, function(explained)
      float(M.lines(explained))
    end)
  end
end

return M
