# A manual page from what a tool prints with --help, so that the two cannot differ:
#
#   attnc compile --help | awk -f man-page.awk -v name=attnc-compile -v version=0.1.0 -v see="attnc(1)"
#
# Understands the help of attnc's verbs ("attnc compile FILE ...", then "  what it does") and that of llvm::cl
# ("OVERVIEW: what it does", "USAGE: ..."). A list item is an option or a verb, then two spaces or " - ", then its text.
# What is indented otherwise stays as it is.

function escaped(text) {
  gsub(/\\/, "\\e", text)
  gsub(/-/, "\\-", text)
  return text ~ /^[.']/ ? "\\&" text : text
}
# Only once both are known: NAME needs the summary, which may come after the synopsis. What stands between is `more`.
function head() {
  if (hasHead || summary == "" || synopsis == "") return
  hasHead = 1
  printf ".TH %s 1 \"\" \"attnc %s\" \"attnc manual\"\n", escaped(toupper(name)), version
  printf ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n%s\n.SH DESCRIPTION\n%s.\n", escaped(name), escaped(summary),
         escaped(synopsis), escaped(toupper(substr(summary, 1, 1)) substr(summary, 2))
  if (more != "") printf ".PP\n%s\n", escaped(more)
}
function verbatim(on) {
  if (on != isVerbatim) print on ? ".PP\n.nf" : ".fi"
  isVerbatim = on
}
function section(name) {
  nest(0)
  verbatim(0)
  print ".SH " escaped(toupper(name))
  hasSection = 1
  isTitled = base = 0
}
# Items of items are indented by two more than those above. `base` is the indentation of the outermost of a list.
function nest(steps) {
  for (; depth < steps; ++depth) print ".RS"
  for (; depth > steps; --depth) print ".RE"
}
function title(text) {
  if (isTitled) return # "Compiler passes to run" is followed by "Passes:"
  isTitled = 1
  nest(0)
  verbatim(0)
  if (!hasSection) section("options")
  print ".SS " escaped(text)
  base = 0
}
function item(line,    indent, at, name, text) {
  indent = match(line, /[^ ]/) - 1
  line = substr(line, indent + 1)
  at = match(line, /( +- *|  +)/)
  name = escaped(at ? substr(line, 1, at - 1) : line)
  text = at ? escaped(substr(line, at + RLENGTH)) : ""
  verbatim(0)
  isTitled = 0
  if (!hasSection && line ~ /^-/) section("options")
  if (name ~ /^=/) { # a value of the option above
    printf ".br\n.B %s\n%s\n", name, text
    return
  }
  if (base > indent) {
    title("Other options")
    isTitled = 0
  }
  if (base == 0) base = indent
  nest((indent - base) / 2)
  printf ".TP\n.B %s\n%s\n", name, text
}

/^OVERVIEW: / { summary = substr($0, 11); head(); next }
/^USAGE: / { synopsis = substr($0, 8); head(); isLlvm = 1; next }
summary == "" && synopsis == "" && /^[a-z-]+: / { summary = substr($0, index($0, ": ") + 2); next }
synopsis == "" && /^[a-z]/ { synopsis = $0; head(); next }
summary == "" && /^  [a-z]/ { summary = substr($0, 3); head(); next }
!hasHead { more = more $0; next }
/^OPTIONS:$/ { next }
/^[A-Za-z][A-Za-z -]*:$/ { section(substr($0, 1, length($0) - 1)); next }
/^[A-Z][A-Za-z ]*: / { at = index($0, ":"); section(substr($0, 1, at - 1)); print escaped(substr($0, at + 2)); next }
/^ +[-@=][^ ]/ || /^  [a-z]+  +[^ ]/ { item($0); next }
/^$/ { next }
isLlvm && /^ / { sub(/^ +/, ""); sub(/:$/, ""); title($0); next }
/^ / && !isVerbatim { section("examples"); verbatim(1) }
{ print escaped($0) }

END {
  nest(0)
  verbatim(0)
  if (!hasHead) { print "no summary or no synopsis in the help of " name > "/dev/stderr"; exit 1 }
  if (see != "") printf ".SH SEE ALSO\n%s\n", see
}
