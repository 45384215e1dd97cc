//! The problems of skills, with which a server is not built.

use mcp_runtime::{ServeError, Server, Skill};

use crate::page::row;
use crate::{MAIN, Place, main_file, pdf_tools, server, skill};

async fn problems(server: Server) -> String {
    match server.start().await {
        Err(ServeError::Build(error)) => error.problems().collect::<Vec<_>>().join("\n"),
        other => panic!("the server was built: {:?}", other.is_ok()),
    }
}

#[tokio::test]
async fn problems_name_the_file_the_line_and_the_fix() {
    let with = |text: &str| Skill::new("a").file("SKILL.md", text);
    for (skill, expected) in [
        (Skill::new("a"), "skill://a/SKILL.md is missing"),
        (
            with("# Text"),
            "skill://a/SKILL.md:1: the file does not begin with a line `---`",
        ),
        (
            with("---\nname: a\n---\n"),
            "`description` is missing: say what",
        ),
        (
            with("---\ndescription: x\n---\n"),
            "`name` is missing: add `name: a`",
        ),
        (
            with("---\nname: b\ndescription: x\n---\n"),
            "the name `b` differs from the directory `a`: rename one",
        ),
        (
            with("---\nname: 7\ndescription: x\n---\n"),
            "`name` is not a text: put it in quotation marks",
        ),
        (
            with("---\nname: a\ndescription: ''\n---\n"),
            "`description` is empty",
        ),
        (
            with("---\nname: a\ndescription: [x]\n---\n"),
            "`description` is not a text",
        ),
        (
            with("---\nname: a\n\tdescription: x\n---\n"),
            "skill://a/SKILL.md:2: this is not valid YAML",
        ),
        (
            with(&format!(
                "---\nname: a\ndescription: {}\n---\n",
                "é".repeat(1025)
            )),
            "`description` has 1025 characters, and at most 1024",
        ),
        (
            Skill::new("a").file("SKILL.md", b"---\nname: \xff\n---\n"),
            "SKILL.md:2: the file is not UTF-8",
        ),
        (
            skill("a").file("../x", ""),
            "the path `../x` in the skill `a` is not valid",
        ),
        (skill("a").file("/x", ""), "the path `/x`"),
        (
            skill("a").file("x", "").file("x", ""),
            "the skill `a` has two files `x`",
        ),
        (
            Skill::new("a/../b").file("SKILL.md", main_file("b")),
            "the path `a/../b` of a skill",
        ),
    ] {
        let found = problems(server().with(skill)).await;
        assert!(found.contains(expected), "{found}\n{expected}");
    }
    let twice = problems(server().with(pdf_tools()).with(pdf_tools())).await;
    assert!(
        twice.contains("two resources are called `skill://pdf-tools/SKILL.md`"),
        "{twice}"
    );
}

#[tokio::test]
async fn names_follow_the_rules_of_agent_skills() {
    let long = "a".repeat(64);
    for name in ["a", "a-b", "7a", "a1-2", &long] {
        let server = server().with(skill(name));
        assert!(server.start().await.is_ok(), "{name}");
    }
    let too_long = "a".repeat(65);
    for name in ["A", "-a", "a-", "a--b", "a_b", "a.b", "ä", &too_long] {
        let found = problems(server().with(skill(name))).await;
        assert!(
            found.contains("is not valid: a name is 1 to 64"),
            "{name}: {found}"
        );
    }
}

#[tokio::test]
async fn a_folder_needs_skills_without_problems() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    let path = |path: &str| place.path(path);
    for (folder, expected) in [
        (path("none"), "cannot be read"),
        (path("skills/pdf-tools/SKILL.md"), "cannot be read"),
        (path("empty"), "has no skill: add `NAME/SKILL.md` to it"),
        (
            path("skills/pdf-tools"),
            "is a skill itself: name the folder around it",
        ),
    ] {
        let found = problems(server().skills(&folder)).await;
        assert!(found.contains(expected), "{found}");
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(found.contains(name), "{found}");
    }
    place.write("skills/other/SKILL.md", MAIN);
    place.write("skills/third/skill.md", MAIN);
    let found = problems(place.server()).await;
    assert!(
        found.contains("third/skill.md` must be called `SKILL.md`"),
        "{found}"
    );
    std::fs::remove_dir_all(place.path("skills/third")).unwrap();
    let found = problems(place.server()).await;
    assert!(
        found.contains("other/SKILL.md: the name `pdf-tools` differs from the directory `other`"),
        "{found}"
    );
}

/// Both limits of the extension, at the limit and beyond it, in a folder and in the program.
#[tokio::test]
async fn the_files_of_a_skill_have_a_number_and_a_size() {
    let (most, largest) = (row("skill-files").for_all(), row("skill-bytes").for_all());
    most.says("cannot be built");
    largest.says("cannot be built");
    let (most, largest) = (most.number(), largest.number());
    let files =
        |count: usize| (1..count).fold(skill("a"), |it, number| it.file(format!("{number}"), ""));
    let rest = largest - main_file("a").len();
    let bytes = |size: usize| skill("a").file("large", vec![b'x'; size]);
    for right in [files(most), bytes(rest)] {
        assert!(server().with(right).start().await.is_ok());
    }
    for (wrong, expected) in [
        (files(most + 1), "has more than 512 files"),
        (bytes(rest + 1), "has more than 16777216 bytes"),
    ] {
        let found = problems(server().with(wrong)).await;
        assert!(found.contains(expected), "{found}");
    }
    let place = Place::new();
    place.write("skills/a/SKILL.md", main_file("a"));
    place.write("skills/a/large", vec![b'x'; rest]);
    assert!(place.server().start().await.is_ok());
    place.write("skills/a/large", vec![b'x'; rest + 1]);
    assert!(
        problems(place.server())
            .await
            .contains("a has more than 16777216 bytes")
    );
    place.write("skills/a/large", "");
    for number in 0..most - 1 {
        place.write(&format!("skills/a/deep/{number}"), "");
    }
    assert!(
        problems(place.server())
            .await
            .contains("a has more than 512 files")
    );
}
