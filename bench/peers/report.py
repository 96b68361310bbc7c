#!/usr/bin/env python3
"""Tables and a picture of what bench/peers.py and bench/sweep.py measured.

report.py peers RECORDS FOLDER    renews FOLDER/RESULTS.md between its markers and FOLDER/peers.svg
report.py sweep RECORDS FOLDER    renews FOLDER/RESULTS.md between the sweep's markers
"""
import json
import os
import subprocess
import sys

PEERS = ["ONNX Runtime", "OpenBLAS", "oneDNN", "oneDNN by hand"]
# The goals were set by measurements of these.
KNOWN = PEERS[:3]


def commit():
    """What is measured; `+` where files differ from it."""
    here = os.path.dirname(os.path.abspath(__file__))

    def git(*arguments):
        return subprocess.run(["git", "-C", here, *arguments], capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", ":(exclude,top)bench")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def machine():
    with open("/proc/cpuinfo") as file:
        name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown CPU")
    return f"{name}, {os.cpu_count()} cores"


def read_records(path, commit=None):
    """Lines of JSON, of one commit; none where there is no file."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [record for record in map(json.loads, file) if commit in (None, record["commit"])]


# ----------------------------------------------------------------------------------------------------------------------
# What a record says
# ----------------------------------------------------------------------------------------------------------------------

def ours(record, layout):
    return next((r for r in record["results"] if r["peer"] == "attnc" and r["layout"] == layout), None)


def of_peer(record, peer):
    return next((r for r in record["results"] if r["peer"] == peer), None)


def ratios(record, peers):
    """How many times faster we are than each peer, in that peer's layout."""
    found = [(of_peer(record, peer), peer) for peer in peers]
    return {peer: result["seconds"] / ours(record, result["layout"])["seconds"] for result, peer in found if result}


def verdict(record, peers=tuple(PEERS)):
    """The least ratio, whose it is, and whether the goal is met; None without peers."""
    all_ratios = ratios(record, peers)
    if not all_ratios:
        return None
    peer = min(all_ratios, key=all_ratios.get)
    return all_ratios[peer], peer, all_ratios[peer] >= record["goal"]


def sentence(record):
    found = verdict(record)
    if not found:
        return "no peer took part"
    ratio, peer, met = found
    return f"{ratio:.2f}x of {peer}, goal {record['goal']}x{'' if met else ': missed'}"


def milliseconds(seconds):
    return f"{seconds * 1e3:.4g} ms"


def why_absent(record, peer):
    """What the remarks say of a peer that has no result."""
    said = [remark.split(": ", 1)[1] for remark in record["remarks"] if remark.startswith((peer + ":", peer + ","))]
    return said[0] if said else "-"


# ----------------------------------------------------------------------------------------------------------------------
# The table
# ----------------------------------------------------------------------------------------------------------------------

def cell(record, peer):
    result = of_peer(record, peer)
    if not result:
        return why_absent(record, peer)
    return f"{milliseconds(result['seconds'])}, {result['share']:.1%} ({result['way']})"


def our_cell(record):
    return "; ".join(f"{milliseconds(r['seconds'])}, {r['share']:.1%} ({r['layout']})"
                     for r in record["results"] if r["peer"] == "attnc")


def goal_cell(record, peers):
    """A goal that no code could reach, since the peer is too near to the peak, is told."""
    found = verdict(record, peers)
    if not found:
        return f"no peer ({record['goal']}x)"
    ratio, peer, met = found
    needed = record["goal"] * of_peer(record, peer)["share"]
    beyond = f", which would be {needed:.0%} of the peak" if needed > 1 else ""
    return f"{ratio:.2f}x of {peer} ({record['goal']}x{beyond})" + ("" if met else " **missed**")


def table(records):
    lines = ["| shape | type | threads | attnc | " + " | ".join(PEERS)
             + " | against the fastest (goal) | of the first three |",
             "|---|---|---|---|" + "---|" * len(PEERS) + "---|---|"]
    for record in records:
        cells = [record["title"], record["dtype"], str(record["threads"]), our_cell(record),
                 *(cell(record, peer) for peer in PEERS), goal_cell(record, PEERS), goal_cell(record, KNOWN)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def peer_section(records):
    def met(peers):
        verdicts = [found for found in (verdict(record, peers) for record in records) if found]
        return f"{sum(found[2] for found in verdicts)} of {len(verdicts)}"
    peaks = {(r["peak"]["what"], r["threads"]): r["peak"]["gflops"] for r in records}
    spelled = ", ".join(f"{gflops:.0f} GFLOP/s of {what} on {threads} thread{'s' * (threads > 1)}"
                        for (what, threads), gflops in sorted(peaks.items()))
    wrong = sorted({f"{r['title']} {r['dtype']}: {remark}" for r in records for remark in r["remarks"]
                    if "WRONG" in remark})
    settled = sorted({f"{result['peer']} {result['way']}: {result['settled']}" for r in records
                      for result in r["results"] if result["peer"] != "attnc" and result["settled"] != result["way"]})
    return "\n".join([
        f"`bench/peers.sh`, commit {records[0]['commit']}, {records[0]['machine']}. Times are medians of rounds in which all "
        "take turns; shares are of the peak measured in between, on the pairs that the mask allows "
        f"({spelled}). A peer stands for the fastest of its ways, and is compared with attnc in its own layout. "
        "All outputs were compared with the f64 reference first.",
        "", "![attnc and its peers as shares of the peak](peers.svg)", "", table(records), "",
        f"{met(PEERS)} goals met; against the first three, by which the goals were set, {met(KNOWN)}. oneDNN by hand is "
        "its matmul in blocks with the mask's skipping and the exponentials of bench/peers/Softmax.h, written for this "
        "comparison."
        + (f" Left out because the output was wrong: {'; '.join(wrong)}." if wrong else ""),
        "", "<details><summary>What the peers settled on</summary>", "", *(f"- {line}" for line in settled), "",
        "</details>"])


# ----------------------------------------------------------------------------------------------------------------------
# The picture
# ----------------------------------------------------------------------------------------------------------------------

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f } .dim { fill: #57606a } .head { font-weight: 600 }
  .grid { stroke: #d0d7de } .attnc { fill: #0969da } .ort { fill: #8250df } .blas { fill: #bc4c00 }
  .dnnl { fill: #1a7f37 } .hand { fill: #6fbf73 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .dim { fill: #9198a1 } .grid { stroke: #3d444d } .attnc { fill: #4493f8 }
    .ort { fill: #ab7df8 } .blas { fill: #f0883e } .dnnl { fill: #2ea043 } .hand { fill: #8ddb8c }
  }
"""
CLASSES = {"attnc": "attnc", "ONNX Runtime": "ort", "OpenBLAS": "blas", "oneDNN": "dnnl", "oneDNN by hand": "hand"}
LEFT, PANEL, GAP, BAR, SPACE, TOP = 190, 300, 60, 12, 14, 64


def bars_of(record):
    """(peer, share) of ours and of all peers; ours in the layout in which it is faster."""
    best = max((r for r in record["results"] if r["peer"] == "attnc"), key=lambda r: r["share"])
    return [("attnc", best["share"])] + [(peer, of_peer(record, peer)["share"]) for peer in PEERS
                                         if of_peer(record, peer)]


def panel(records, x, rows):
    """Bars of one thread count; `rows` gives where a shape begins."""
    parts = []
    for record in records:
        y = rows[record["shape"], record["dtype"]]
        for peer, share in bars_of(record):
            parts.append(f'<rect class="{CLASSES[peer]}" x="{x}" y="{y}" width="{max(1, share * PANEL):.1f}" height="{BAR - 2}"/>'
                         f'<text class="dim" x="{x + share * PANEL + 4:.1f}" y="{y + 9}" font-size="10">{share:.0%}</text>')
            y += BAR
    return parts


def lay_out(records):
    """Where each (shape, type) begins, its title, and the height of all."""
    rows, titles, y = {}, [], TOP
    for record in records:
        key = record["shape"], record["dtype"]
        if key not in rows:
            rows[key] = y
            titles.append((y + BAR + 8, f"{record['title']}, {record['dtype']}"))
            y += BAR * (1 + len(PEERS)) + SPACE
    return rows, titles, y


def svg(records):
    rows, titles, height = lay_out(records)
    threads = sorted({record["threads"] for record in records})
    width = LEFT + len(threads) * (PANEL + GAP)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
             f"<style>{STYLE}</style>"]
    at = LEFT
    for name in ["attnc", *PEERS]:
        parts.append(f'<rect class="{CLASSES[name]}" x="{at}" y="10" width="10" height="10"/>'
                     f'<text x="{at + 15}" y="19">{name}</text>')
        at += 40 + 8 * len(name)
    for index, count in enumerate(threads):
        x = LEFT + index * (PANEL + GAP)
        parts.append(f'<text class="head" x="{x}" y="42">share of the peak, {count} thread{"s" * (count > 1)}</text>')
        for percent in (0, 25, 50, 75, 100):
            at = x + PANEL * percent / 100
            parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{TOP - 4}" y2="{height - SPACE}"/>'
                         f'<text class="dim" x="{at}" y="{TOP - 8}" font-size="10" text-anchor="middle">{percent}</text>')
        parts += panel([record for record in records if record["threads"] == count], x, rows)
    parts += [f'<text x="{LEFT - 10}" y="{y}" text-anchor="end">{title}</text>' for y, title in titles]
    return "\n".join([*parts, "</svg>"]) + "\n"


# ----------------------------------------------------------------------------------------------------------------------
# The sweep
# ----------------------------------------------------------------------------------------------------------------------

UNFUSED, BEST = 0.95, 0.9  # the default is at least so many times as fast as the unfused schedule, as the best forced one


def speeds(record):
    """The default's speed as a multiple of the unfused schedule's (None without it), and of the best forced one's, with
    its name."""
    times = record["seconds"]
    forced = {name: time for name, time in times.items() if name != "default"}
    unfused = forced[record["unfused"]] / times["default"] if record["unfused"] in forced else None
    best = min(forced, key=forced.get) if forced else None
    return unfused, forced[best] / times["default"] if best else None, best


def sweep_sentence(record):
    if "failed" in record:
        return f"failed: {record['failed']}"
    unfused, best, name = speeds(record)
    said = [f"{speed:.2f}x of {of}" for speed, of in ((unfused, "unfused"), (best, name)) if speed is not None]
    if not record["agree"]:
        said.append("OUTPUTS DIFFER: " + ", ".join(record["off"]))
    return ", ".join(said) or "nothing could be forced"


def share_of(values, limit):
    values = [value for value in values if value is not None]
    return f"{sum(value >= limit for value in values) / len(values):.0%} of {len(values)}" if values else "none measured"


def is_slow(unfused, best, name):
    return unfused is not None and unfused < UNFUSED or best is not None and best < BEST


def sweep_section(records):
    measured = [record for record in records if "seconds" in record]
    failed = [record for record in records if "failed" in record]
    all_speeds = [speeds(record) for record in measured]
    slow = sorted(((speed, record) for speed, record in zip(all_speeds, measured) if is_slow(*speed)),
                  key=lambda pair: pair[0][1])
    differing = [record for record in measured if not record["agree"]]
    lines = [
        f"`bench/sweep.py`, commit {records[0]['commit']}, {records[0]['machine']}: {len(records)} drawn shapes, one thread.",
        "", "| what | shapes | goal |", "|---|---|---|",
        f"| default at least {UNFUSED}x of unfused | {share_of([s[0] for s in all_speeds], UNFUSED)} | all |",
        f"| default at least {BEST}x of the best forced schedule | {share_of([s[1] for s in all_speeds], BEST)} | 85% |",
        f"| outputs of all schedules agree | {len(measured) - len(differing)} of {len(measured)} | all |",
        f"| not compiled or not run | {len(failed)} | 0 |"]
    if slow:
        lines += ["", "Where the default is slower than that:", "",
                  "| shape | of unfused | of the best forced | which |", "|---|---|---|---|"]
        lines += [f"| {record['shape']} | {'-' if unfused is None else f'{unfused:.2f}x'} | {best:.2f}x | `{name}` |"
                  for (unfused, best, name), record in slow]
    lines += [""] * bool(failed or differing)
    lines += [f"- failed: {record['shape']}: {record['failed']}" for record in failed]
    lines += [f"- outputs differ: {record['shape']}: {', '.join(record['off'])}" for record in differing]
    return "\n".join(lines)


# ----------------------------------------------------------------------------------------------------------------------
# Files
# ----------------------------------------------------------------------------------------------------------------------

def replace_section(path, name, text):
    """Between `<!-- NAME -->` and `<!-- end of NAME -->`; both are added at the end where they are missing."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    with open(path) as file:
        page = file.read()
    if begin not in page:
        page = f"{page.rstrip()}\n\n{begin}\n{end}\n"
    before, rest = page.split(begin, 1)
    after = rest.split(end, 1)[1]
    with open(path, "w") as file:
        file.write(f"{before}{begin}\n{text}\n{end}{after}")


def write(records, folder):
    """The peers' section and picture."""
    if not records:
        return
    replace_section(os.path.join(folder, "RESULTS.md"), "peers", peer_section(records))
    with open(os.path.join(folder, "peers.svg"), "w") as file:
        file.write(svg(records))


def write_sweep(records, folder):
    if records:
        replace_section(os.path.join(folder, "RESULTS.md"), "sweep", sweep_section(records))


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("peers", "sweep"):
        sys.exit(__doc__)
    (write if sys.argv[1] == "peers" else write_sweep)(read_records(sys.argv[2]), sys.argv[3])


if __name__ == "__main__":
    main()
