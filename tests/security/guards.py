"""Where each guard is in the code: a change that takes it out, and the test that must fail then.

Data only. `bench.guards` makes each change in a copy of the checkout, and runs the test; a unit test keeps the changes
applicable. Guards that are not in one place (a bridge for each link, a file system of a node's own), without which the
machine would be harmed (a fork bomb without a limit, a node in the machine's own network), or which `up` misses itself
(a default route), are taken out by their tests alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard.

    Attributes:
        promise: its number in docs/security.md.
        file: where it is.
        old: what stands there, once.
        new: what takes it out.
        test: what must fail then, as pytest names it, below tests/.
    """

    promise: int
    file: str
    old: str
    new: str
    test: str


LINKS, MIGHT, WORDS, SHOWN, MARKS, OPEN, FILES = (
    f"security/test_{name}.py::test_"
    for name in ("links", "privileges", "words", "shown", "marks", "descriptors", "files")
)

CONTAINER, COMMANDS, ENGINE = "lab/engine/container.py", "lab/engine/netns/commands.py", "lab/engine/netns/engine.py"
DOCKER, CREATE, MARKING = "lab/engine/docker/engine.py", "lab/observe/files.py", "lab/engine/netns/marks.py"

GUARDS = (
    Guard(
        1,
        CONTAINER,
        '("NET_RAW", "NET_BIND_SERVICE")',
        '("NET_RAW", "NET_ADMIN", "NET_BIND_SERVICE")',
        f"{LINKS}a_node_cannot_change_its_link[docker]",
    ),
    Guard(
        1,
        COMMANDS,
        "-all,+net_raw,+net_bind_service",
        "-all,+net_raw,+net_bind_service,+net_admin",
        f"{LINKS}a_node_cannot_change_its_link[netns]",
    ),
    Guard(
        2,
        "lab/fabric/ports.py",
        "way = next((words for name, words in DROPS.items() if name in able), None)",
        "way = None if able else ()",
        f"{LINKS}no_frame_reaches_the_machine[docker]",
    ),
    Guard(
        3,
        CONTAINER,
        'enable_ip_masquerade": "false"',
        'enable_ip_masquerade": "true"',
        f"{LINKS}no_link_has_an_address_of_the_machine[docker]",
    ),
    Guard(
        3,
        CONTAINER,
        'inhibit_ipv4": "true"',
        'inhibit_ipv4": "false"',
        f"{LINKS}no_link_has_an_address_of_the_machine[docker]",
    ),
    Guard(3, CONTAINER, '"dns": [NO_RESOLVER],', "", f"{LINKS}no_name_is_asked_for_outside[docker]"),
    Guard(
        3,
        "lab/engine/netns/root.py",
        "nameserver 127.0.0.1",
        "nameserver 192.0.2.1",
        f"{LINKS}no_name_is_asked_for_outside[netns]",
    ),
    Guard(
        6,
        "lab/engine/docker/helpers.py",
        "api.remove_container(helper, force=True)",
        "pass",
        f"{MIGHT}nothing_privileged_stays_after_up[docker]",
    ),
    Guard(
        6,
        "lab/fabric/attend.py",
        "flush=True)\n    return 0",
        "flush=True)\n    __import__('signal').pause()\n    return 0",
        f"{MIGHT}a_helper_that_is_held_goes_with_its_holder[netns]",
    ),
    Guard(
        6,
        "lab/fabric/tap.py",
        "        give_up_capabilities()\n",
        "",
        f"{MIGHT}the_tap_holds_nothing_once_it_listens[netns]",
    ),
    Guard(
        6,
        "lab/engine/netns/birth.py",
        "    system.drop_capabilities()\n",
        "",
        f"{MIGHT}nothing_privileged_stays_after_up[netns]",
    ),
    Guard(
        6,
        CONTAINER,
        '("NET_ADMIN", "NET_RAW", "SYS_NICE")',
        '("NET_ADMIN", "NET_RAW", "SYS_NICE", "SYS_ADMIN")',
        f"{MIGHT}the_wire_holds_what_it_needs[docker]",
    ),
    Guard(6, COMMANDS, "+sys_nice,", "+sys_nice,+sys_admin,", f"{MIGHT}the_wire_holds_what_it_needs[netns]"),
    Guard(7, CONTAINER, '["no-new-privileges"]', "[]", f"{MIGHT}a_program_can_gain_nothing[docker]"),
    Guard(
        7,
        COMMANDS,
        '"--no-new-privs", "--"]\n    return [*confined',
        '"--"]\n    return [*confined',
        f"{MIGHT}a_program_can_gain_nothing[netns]",
    ),
    Guard(
        7,
        "lab/engine/netns/confine.py",
        "    refuse_calls()\n    command",
        "    command",
        f"{MIGHT}a_node_cannot_reach_around_its_namespaces[netns]",
    ),
    Guard(8, CONTAINER, '"mem_limit": MEMORY,', "", f"{MIGHT}a_node_takes_no_more_memory_than_it_may[docker]"),
    Guard(
        8,
        "lab/engine/netns/limits.py",
        "1024, 1 << 30",
        "1024, 1 << 32",
        f"{MIGHT}a_node_takes_no_more_memory_than_it_may[netns]",
    ),
    Guard(
        9,
        "lab/observe/report.py",
        "(plain(line), style)",
        "(line, style)",
        f"{WORDS}what_a_program_says_is_shown[netns]",
    ),
    Guard(
        9,
        "lab/commands/nodes.py",
        "print(plain(line), flush=True)",
        "print(line, flush=True)",
        f"{WORDS}what_a_program_says_is_shown[netns]",
    ),
    Guard(
        9,
        "lab/commands/nodes.py",
        "plain(line) if to.isatty() else line",
        "line",
        f"{WORDS}a_terminal_gets_no_orders_from_a_node[netns]",
    ),
    Guard(
        9,
        "lab/errors.py",
        'return plain(f"{place}{self.what}{advice}")',
        'return f"{place}{self.what}{advice}"',
        f"{SHOWN}an_error_that_quotes_a_node_gives_no_orders[netns]",
    ),
    Guard(
        9,
        "lab/observe/report.py",
        'replace("\\n", "\\n  │ ")',
        'replace("\\n", "\\n")',
        f"{SHOWN}an_error_that_quotes_a_node_gives_no_orders[netns]",
    ),
    Guard(9, "lab/errors.py", r"\u2028-\u202e", "", f"{SHOWN}what_turns_the_direction_of_writing_is_shown"),
    Guard(9, "lab/exercises/judge.py", "plain(result.hint)", "result.hint", f"{SHOWN}a_students_words_give_no_orders"),
    Guard(9, "lab/observe/report.py", "escape(plain(word))", "escape(word)", f"{SHOWN}labels_give_no_orders"),
    Guard(
        9,
        "lab/engine/owner.py",
        "return read if kinds == [str, str, str, int, str] else None",
        "return read",
        f"{SHOWN}labels_give_no_orders",
    ),
    Guard(
        9,
        "lab/pytest_plugin/evidence.py",
        "([0-9]{1,9}(?:\\.[0-9]{1,9})?)",
        "(.+)",
        f"{SHOWN}a_nodes_own_ping_does_not_end_the_tests[docker]",
    ),
    Guard(
        9,
        "lab/observe/capture.py",
        "return len(row) == len(BPF_FIELDS) and all(fits)",
        "return True or all(fits)",
        f"{SHOWN}a_nodes_own_tcpdump_is_not_believed",
    ),
    Guard(
        9,
        "lab/observe/trace/page.py",
        "{escape(says)}",
        "{says}",
        "unit/observe/trace/test_page.py::test_everything_is_escaped",
    ),
    Guard(
        10,
        "lab/engine/netns/folder.py",
        "self.name = check_name(name)",
        "self.name = name",
        f"{WORDS}a_labs_name_is_no_path",
    ),
    Guard(10, "lab/engine/archive.py", 'or ".." in target.split("/")', "", f"{WORDS}put_takes_a_plain_path[netns]"),
    Guard(10, DOCKER, '"noOverwriteDirNonDir": "true"', "", f"{WORDS}put_does_not_replace_a_folder[docker]"),
    Guard(10, ENGINE, '"--no-target-directory", ', "", f"{WORDS}put_does_not_replace_a_folder[netns]"),
    Guard(
        11,
        MARKING,
        "return most & ~",
        "return True or most & ~",
        f"{MARKS}a_first_process_cannot_pass_for_a_lab[docker]",
    ),
    Guard(11, MARKING, "return not further_in", "return True", f"{MARKS}a_node_cannot_pass_for_a_lab[netns]"),
    Guard(
        11, "lab/fabric/namespaces.py", " and numbers[1:] == [1]", "", f"{MARKS}a_node_cannot_pass_for_another[netns]"
    ),
    Guard(
        11,
        "lab/fabric/agent.py",
        "return next((space for space in spaces if is_at(node, space)), spaces[0])",
        "return max(spaces, key=lambda space: not is_at(node, space))",
        f"{MARKS}a_first_process_cannot_pass_for_another_node[docker]",
    ),
    Guard(
        12,
        ENGINE,
        "input=source.read_bytes()",
        "stdin=os.open(source, os.O_RDONLY)",
        f"{OPEN}a_node_cannot_write_to_what_put_reads[netns]",
    ),
    Guard(
        12,
        ENGINE,
        "stderr=subprocess.DEVNULL,",
        "stderr=None,",
        f"{OPEN}a_node_cannot_reach_the_callers_terminal[netns-logs]",
    ),
    Guard(
        12,
        ENGINE,
        'os.closerange(3, os.sysconf("SC_OPEN_MAX"))',
        "",
        f"{OPEN}a_shell_holds_nothing_of_the_callers[netns]",
    ),
    Guard(
        13,
        CREATE,
        "if _is_anothers(found, Path(target)):",
        "if False:",
        f"{FILES}nothing_is_written_to_what_another_laid",
    ),
    Guard(13, CREATE, " | os.O_NOFOLLOW", "", f"{FILES}nothing_is_written_to_what_another_laid"),
    Guard(13, CREATE, "found.st_nlink > 1", "False", f"{FILES}nothing_is_written_to_what_another_laid"),
    Guard(
        13,
        CREATE,
        "0o666)  # O_NOFOLLOW",
        "0o606)  # O_NOFOLLOW",
        f"{FILES}what_capture_and_trace_write_is_the_callers[netns]",
    ),
    Guard(
        13,
        "lab/commands/trace.py",
        'files.write(html, page.page(found), remedy="--html FILE")',
        "open(html, 'w').write(page.page(found))",
        f"{FILES}tasks_do_not_write_through_anothers_link",
    ),
    Guard(
        13,
        "lab/exercises/exercise.py",
        "os.path.lexists(",
        "os.path.exists(",
        f"{FILES}an_exercise_begins_in_its_own_files[netns]",
    ),
    Guard(
        13,
        "lab/engine/images.py",
        " and folder.lstat().st_uid == os.getuid()",
        "",
        f"{FILES}a_lock_is_not_laid_elsewhere",
    ),
)
