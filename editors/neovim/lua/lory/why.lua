-- "Why was nothing shown here?": takes a buffer, shows what the server answers to `lory/explain`.
local M = {}

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

---Show why there is ghost text or none in the current buffer.
function M.show()
  local buffer = vim.api.nvim_get_current_buf()
  local client = require('lory.client').of(buffer)
  if not client then
    require('lory.window').float({ ('Nothing is asked for here: %s.'):format(require('lory.status').state(buffer).message) })
    return
  end
  client:request('lory/explain', { textDocument = { uri = vim.uri_from_bufnr(buffer) } }, function(err, explained)
    if err then
      vim.notify('lory: the server explains nothing: ' .. err.message, vim.log.levels.ERROR)
    else
      require('lory.window').float(M.lines(explained))
    end
  end, buffer)
end

return M
