//! Schemas of both dialects as schemas of arguments.

use serde_json::{Value, json};

use crate::api::{Api, serve, specification};

/// Returns the schema of the argument `body`, with the definitions.
async fn body(version: &str, schema: Value, schemas: Value) -> (Value, Value) {
    let body = json!({ "content": { "application/json": { "schema": schema } } });
    let paths = json!({ "/p": { "post": { "operationId": "call", "requestBody": body } } });
    let spec = specification(version, paths, json!({ "schemas": schemas }));
    let client = serve(&spec, &Api::empty()).await;
    let tools = client.tools().await.unwrap();
    let schema = &tools[0]["inputSchema"];
    (
        schema["properties"]["body"].clone(),
        schema["$defs"].clone(),
    )
}

#[tokio::test]
async fn the_dialect_of_3_0_is_converted() {
    for (schema, expected) in [
        (
            json!({ "type": "string", "nullable": true }),
            json!({ "type": ["string", "null"] }),
        ),
        (
            json!({ "type": "string", "enum": ["a"], "nullable": true }),
            json!({ "type": ["string", "null"], "enum": ["a", null] }),
        ),
        (
            json!({ "allOf": [{ "type": "object" }], "nullable": true }),
            json!({ "anyOf": [{ "allOf": [{ "type": "object" }] }, { "type": "null" }] }),
        ),
        (
            json!({ "oneOf": [{ "type": "object" }], "nullable": true }),
            json!({ "oneOf": [{ "type": "object" }, { "type": "null" }] }),
        ),
        (
            json!({ "type": "number", "minimum": 1, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false }),
            json!({ "type": "number", "exclusiveMinimum": 1, "maximum": 9 }),
        ),
        (
            json!({ "type": "integer", "format": "int32", "example": 5 }),
            json!({ "type": "integer", "examples": [5] }),
        ),
        (
            json!({ "type": "string", "format": "date-time" }),
            json!({ "type": "string", "format": "date-time" }),
        ),
        (
            json!({ "type": "string", "format": "byte" }),
            json!({ "type": "string", "contentEncoding": "base64" }),
        ),
        (
            json!({ "type": "object", "xml": { "name": "x" }, "externalDocs": {}, "x-extra": 1, "properties": { "x-y": { "type": "string" } } }),
            json!({ "type": "object", "properties": { "x-y": { "type": "string" } } }),
        ),
        // Mistakes of published specifications.
        (json!({ "type": "file" }), json!({})),
        (
            json!({ "type": "string", "minLength": "1", "required": true, "enum": [] }),
            json!({ "type": "string" }),
        ),
        (
            json!({ "type": "string", "enum": ["a", "a"] }),
            json!({ "type": "string", "enum": ["a"] }),
        ),
        (
            json!({ "type": "string", "pattern": "(?=a)b" }),
            json!({ "type": "string" }),
        ),
    ] {
        let (converted, _) = body("3.0.3", schema.clone(), json!({})).await;
        assert_eq!(converted, expected, "{schema}");
    }
}

#[tokio::test]
async fn the_dialect_of_3_1_stays() {
    let schema = json!({
        "type": ["string", "null"], "const": "a", "exclusiveMinimum": 1, "if": { "minLength": 1 }, "then": { "maxLength": 5 },
        "prefixItems": [{ "type": "integer" }], "examples": ["a"], "nullable": true,
    });
    let (converted, _) = body("3.1.0", schema.clone(), json!({})).await;
    let mut expected = schema;
    expected.as_object_mut().unwrap().remove("nullable");
    expected.as_object_mut().unwrap().remove("examples");
    assert_eq!(converted, expected);
}

#[tokio::test]
async fn references_become_definitions_and_may_be_recursive() {
    let schemas = json!({
        "Tree Node": { "type": "object", "properties": {
            "children": { "type": "array", "items": { "$ref": "#/components/schemas/Tree%20Node" } },
            "leaf": { "$ref": "#/components/schemas/Leaf" },
        } },
        "Leaf": { "type": "string" },
        "Unused": { "type": "string" },
    });
    let schema = json!({ "$ref": "#/components/schemas/Tree%20Node", "description": "A tree." });
    let (body, definitions) = body("3.0.3", schema, schemas).await;
    assert_eq!(body["description"], "A tree.");
    assert_eq!(body["$ref"], "#/$defs/Tree_20Node");
    let names: Vec<_> = definitions.as_object().unwrap().keys().collect();
    assert_eq!(names, ["Tree_20Node", "Leaf"]);
    let children = &definitions["Tree_20Node"]["properties"]["children"];
    assert_eq!(children["items"]["$ref"], "#/$defs/Tree_20Node");
}

#[tokio::test]
async fn members_that_only_responses_have_are_left_out() {
    let schemas = json!({ "Base": { "type": "object", "required": ["id"], "properties": {
        "id": { "type": "integer", "readOnly": true }, "name": { "type": "string" },
    } } });
    let schema = json!({
        "allOf": [{ "$ref": "#/components/schemas/Base" }, { "required": ["id", "name"] }],
        "required": ["id"],
    });
    let (body, definitions) = body("3.0.3", schema, schemas).await;
    assert_eq!(
        body,
        json!({ "allOf": [{ "$ref": "#/$defs/Base" }, { "required": ["name"] }] })
    );
    assert_eq!(
        definitions["Base"],
        json!({ "type": "object", "properties": { "name": { "type": "string" } } })
    );
}

#[tokio::test]
async fn a_discriminator_is_a_value_of_each_variant() {
    let schemas = json!({
        "Cat": { "type": "object", "properties": { "kind": { "type": "string" } } },
        "Dog": { "type": "object" },
        "Fish": { "type": "object", "properties": { "kind": { "enum": ["fish"] } } },
    });
    let of = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let schema = json!({
        "oneOf": [of("Cat"), of("Dog"), of("Fish")],
        "discriminator": { "propertyName": "kind", "mapping": { "cat": "#/components/schemas/Cat", "tiger": "Cat" } },
    });
    let (body, _) = body("3.1.0", schema, schemas).await;
    assert_eq!(
        body["oneOf"],
        json!([
            { "$ref": "#/$defs/Cat", "properties": { "kind": { "enum": ["cat", "tiger"] } }, "required": ["kind"] },
            { "$ref": "#/$defs/Dog", "properties": { "kind": { "const": "Dog" } }, "required": ["kind"] },
            { "$ref": "#/$defs/Fish" },
        ])
    );
}

/// A schema that refers to a large part of the specification has the nearest definitions only.
#[tokio::test]
async fn definitions_are_limited() {
    let mut schemas = json!({});
    for number in 0..2000 {
        let next = format!("#/components/schemas/S{}", (number + 1) % 2000);
        schemas[format!("S{number}")] =
            json!({ "type": "object", "properties": { "next": { "$ref": next } } });
    }
    let (_, definitions) = body(
        "3.1.0",
        json!({ "$ref": "#/components/schemas/S0" }),
        schemas,
    )
    .await;
    let definitions = definitions.as_object().unwrap();
    let count = definitions.len();
    assert!((100..400).contains(&count), "{count}");
    assert_eq!(definitions[&format!("S{}", count - 1)], json!({}));
}
