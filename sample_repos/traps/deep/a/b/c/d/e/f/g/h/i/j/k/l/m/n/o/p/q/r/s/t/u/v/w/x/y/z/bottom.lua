-- Twenty-six folders down.
local M = {}

--- How much rope is needed to get back up, in metres, with a tenth to spare.
function M.rope_needed(folders, metres_each)
  return folders * metres_each * 1.1
end

return M
