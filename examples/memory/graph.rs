//! The knowledge graph and its operations. It knows nothing about files.

use std::collections::HashSet;

use mcp_runtime::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person, a thing or an idea.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Entity {
    /// The unique name.
    pub(crate) name: String,
    /// The type, such as `person`.
    #[serde(rename = "entityType")]
    pub(crate) kind: String,
    /// What is known about it.
    pub(crate) observations: Vec<String>,
}

/// A directed relation between two entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Relation {
    /// The name of the entity where the relation begins.
    pub(crate) from: String,
    /// The name of the entity where the relation ends.
    pub(crate) to: String,
    /// The type, in active voice, such as `works at`.
    #[serde(rename = "relationType")]
    pub(crate) kind: String,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Graph {
    pub(crate) entities: Vec<Entity>,
    pub(crate) relations: Vec<Relation>,
}

impl Graph {
    /// Adds entities with new names, and returns them.
    pub(crate) fn create_entities(&mut self, entities: Vec<Entity>) -> Vec<Entity> {
        let mut names: HashSet<String> = self.entities.iter().map(|it| it.name.clone()).collect();
        let is_new = |entity: &Entity| names.insert(entity.name.clone());
        let created: Vec<Entity> = entities.into_iter().filter(is_new).collect();
        self.entities.extend_from_slice(&created);
        created
    }

    /// Adds relations that do not exist, and returns them.
    pub(crate) fn create_relations(&mut self, relations: Vec<Relation>) -> Vec<Relation> {
        let mut created = Vec::new();
        for relation in relations {
            if !self.relations.contains(&relation) {
                self.relations.push(relation.clone());
                created.push(relation);
            }
        }
        created
    }

    /// Adds new observations to an entity, and returns them.
    pub(crate) fn add_observations(
        &mut self,
        name: &str,
        contents: Vec<String>,
    ) -> Result<Vec<String>, ToolError> {
        let entity = self.entities.iter_mut().find(|it| it.name == name);
        let entity = entity.ok_or_else(|| {
            ToolError::new(format!(
                "there is no entity `{name}`: create it with `create_entities` first"
            ))
        })?;
        let mut added = Vec::new();
        for content in contents {
            if !entity.observations.contains(&content) {
                entity.observations.push(content.clone());
                added.push(content);
            }
        }
        Ok(added)
    }

    pub(crate) fn delete_entities(&mut self, names: &[String]) {
        self.entities.retain(|it| !names.contains(&it.name));
        self.relations
            .retain(|it| !names.contains(&it.from) && !names.contains(&it.to));
    }

    pub(crate) fn delete_observations(&mut self, name: &str, observations: &[String]) {
        if let Some(entity) = self.entities.iter_mut().find(|it| it.name == name) {
            entity.observations.retain(|it| !observations.contains(it));
        }
    }

    pub(crate) fn delete_relations(&mut self, relations: &[Relation]) {
        self.relations.retain(|it| !relations.contains(it));
    }

    /// Returns the entities that contain a text in any case, and all relations of these entities.
    pub(crate) fn search(self, query: &str) -> Self {
        let query = query.to_lowercase();
        let contains = |text: &String| text.to_lowercase().contains(&query);
        self.part(|entity| {
            contains(&entity.name)
                || contains(&entity.kind)
                || entity.observations.iter().any(contains)
        })
    }

    /// Returns the entities with these names, and all relations of these entities.
    pub(crate) fn open(self, names: &[String]) -> Self {
        self.part(|entity| names.contains(&entity.name))
    }

    fn part(mut self, is_wanted: impl Fn(&Entity) -> bool) -> Self {
        self.entities.retain(is_wanted);
        let names: HashSet<&str> = self.entities.iter().map(|it| it.name.as_str()).collect();
        self.relations
            .retain(|it| names.contains(it.from.as_str()) || names.contains(it.to.as_str()));
        self
    }
}
