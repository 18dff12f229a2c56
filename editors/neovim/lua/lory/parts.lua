-- Parts of a suggestion: takes the text that is left of it, gives what is inserted of it first.
local M = {}

---@alias lory.Part fun(rest: string): string

---@type lory.Part
function M.all(rest)
  return rest
end

---White space and one word, or one run of other marks.
---@type lory.Part
function M.word(rest)
  return vim.fn.matchstr(rest, [[^\_s*\%(\k\+\|\%(\k\|\_s\)\@!.\%(\%(\k\|\_s\)\@!.\)*\|$\)]])
end

---Up to the end of a line; the end of the cursor's own line begins the next one.
---@type lory.Part
function M.line(rest)
  return rest:match('^\n*[^\n]*')
end

return M
