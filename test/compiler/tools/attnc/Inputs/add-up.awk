# Whether the rows of a time report add up to its last one, and the indented ones to what processors did above.
/^time report/ { inside = 1; next }
!inside { next }
{ unit = 0; for (i = 1; i <= NF; ++i) if ($i == "ms") { unit = i; break } }
/^    / { inner += $(unit - 1); next }
/all steps/ { total = $(unit - 1); processors = $(unit + 1); next }
{ wall += $(unit - 1); cpu += $(unit + 1); ++rows }
/^  code / { code = $(unit + 1) }
function near(a, b, tolerance) { return a - b < tolerance && b - a < tolerance }
END {
  print near(wall, total, 0.1 * rows) ? "wall adds up" : "wall: " wall " is not " total
  print near(cpu, processors, 0.1 * rows) ? "CPU adds up" : "CPU: " cpu " is not " processors
  print (inner <= code + 1 && inner > 0.8 * code ? "parts add up" : "parts: " inner " of " code)
}
