//! `proto/` against a table of etcd's descriptors.
//!
//! Both are turned into a set of sentences, one for each file, message, field, enum value, method
//! and extension; what is in one set only is a difference.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use protox::prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, FileDescriptor,
    Kind, MessageDescriptor, MethodDescriptor, Syntax,
};
use serde::Deserialize;

const TABLE: &str = include_str!("../rpc.json");

/// Everything that must not differ, a sentence each.
type Facts = BTreeSet<String>;

#[test]
fn protos_are_etcds() {
    let (table, proto) = (facts_of_table(&table()), facts_of_proto());
    let missing: Vec<_> = table.difference(&proto).collect();
    let surplus: Vec<_> = proto.difference(&table).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "only in etcd: {missing:#?}\nonly in proto/: {surplus:#?}"
    );
    let fields = table.iter().filter(|fact| fact.starts_with("field ")).count();
    assert!(fields > 360, "the table has lost most of its {fields} fields");
}

/// Whatever is changed in the table, the comparison sees it, in both directions.
#[test]
fn every_change_is_a_difference() {
    let proto = facts_of_proto();
    let changes: [fn(&mut Table); 12] = [
        |table| table.files[0].syntax = "proto2".into(),
        |table| drop(table.files[0].messages.pop()),
        |table| drop(table.message("RangeRequest").fields.pop()),
        |table| table.message("RangeRequest").fields[0].number = 99,
        |table| table.message("RangeRequest").fields[0].kind = "string".into(),
        |table| table.message("RangeResponse").fields[1].label = "optional".into(),
        |table| table.message("WatchRequest").fields[0].oneof = None,
        |table| table.message("ConfState").fields[0].packed = Some(true),
        |table| table.message("HealthListResponse").fields[0].map = false,
        |table| table.message("Message").fields[0].presence = "implicit".into(),
        |table| table.message("InternalRaftRequest").reserved_numbers.clear(),
        |table| table.files.iter_mut().for_each(|file| file.services.clear()),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut changed = table();
        change(&mut changed);
        assert_ne!(facts_of_table(&changed), proto, "change {index}");
    }
}

#[derive(Deserialize)]
struct Table {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    file: String,
    package: String,
    syntax: String,
    services: Vec<Service>,
    messages: Vec<Message>,
    enums: Vec<Enum>,
    extensions: Vec<Extension>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    methods: Vec<Method>,
}

#[derive(Deserialize)]
struct Method {
    name: String,
    input: String,
    output: String,
    client_streaming: bool,
    server_streaming: bool,
}

#[derive(Deserialize)]
struct Message {
    name: String,
    since: Option<String>,
    fields: Vec<Field>,
    #[serde(default)]
    enums: Vec<Enum>,
    #[serde(default)]
    reserved_numbers: Vec<(i32, i32)>,
    #[serde(default)]
    reserved_names: Vec<String>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    number: u32,
    #[serde(rename = "type")]
    kind: String,
    label: String,
    oneof: Option<String>,
    #[serde(default)]
    map: bool,
    default: Option<String>,
    json_name: String,
    packed: Option<bool>,
    presence: String,
    since: Option<String>,
}

#[derive(Deserialize)]
struct Enum {
    name: String,
    since: Option<String>,
    values: Vec<Value>,
}

#[derive(Deserialize)]
struct Value {
    name: String,
    number: i32,
    since: Option<String>,
}

#[derive(Deserialize)]
struct Extension {
    extends: String,
    name: String,
    number: u32,
    #[serde(rename = "type")]
    kind: String,
    label: String,
}

impl Table {
    fn message(&mut self, name: &str) -> &mut Message {
        let mut messages = self.files.iter_mut().flat_map(|file| &mut file.messages);
        messages.find(|message| message.name == name).expect("the table has this message")
    }
}

fn table() -> Table {
    serde_json::from_str(TABLE).expect("the table is well-formed")
}

fn facts_of_table(table: &Table) -> Facts {
    let mut facts = Facts::new();
    for file in &table.files {
        let package = &file.package;
        facts.insert(format!("file {} package {package} {}", file.file, file.syntax));
        for service in &file.services {
            for method in &service.methods {
                facts.insert(method.fact(&format!("{package}.{}", service.name)));
            }
        }
        for one in &file.messages {
            message_facts(one, package, &mut facts);
        }
        for one in &file.enums {
            enum_facts(one, package, &mut facts);
        }
        for one in &file.extensions {
            let Extension { extends, name, number, kind, label } = one;
            facts
                .insert(format!("extension {package}.{name} of {extends} {number} {kind} {label}"));
        }
    }
    facts
}

fn message_facts(message: &Message, package: &str, facts: &mut Facts) {
    let name = format!("{package}.{}", message.name);
    facts.insert(format!("message {name} since {:?}", message.since));
    facts.extend(message.fields.iter().map(|field| field.fact(&name)));
    for (first, last) in &message.reserved_numbers {
        facts.insert(format!("reserved {name} {first}..={last}"));
    }
    for reserved in &message.reserved_names {
        facts.insert(format!("reserved {name} {reserved}"));
    }
    for one in &message.enums {
        enum_facts(one, &name, facts);
    }
}

fn enum_facts(one: &Enum, scope: &str, facts: &mut Facts) {
    let name = format!("{scope}.{}", one.name);
    facts.insert(format!("enum {name} since {:?}", one.since));
    for Value { name: value, number, since } in &one.values {
        facts.insert(format!("value {name}.{value} {number} since {since:?}"));
    }
}

impl Method {
    fn fact(&self, service: &str) -> String {
        let Self { name, input, output, client_streaming, server_streaming } = self;
        format!("method {service}.{name} {client_streaming} {input} {server_streaming} {output}")
    }
}

impl Field {
    fn fact(&self, message: &str) -> String {
        let Self { name, number, kind, label, oneof, map, .. } = self;
        let Self { default, json_name, packed, presence, since, .. } = self;
        format!(
            "field {message}.{name} {number} {label} {kind} oneof {oneof:?} map {map} default \
             {default:?} json {json_name} packed {packed:?} presence {presence} since {since:?}"
        )
    }
}

/// As the table tells them, from `proto/`.
fn facts_of_proto() -> Facts {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/proto");
    let mut compiler = protox::Compiler::new([root]).expect("the folder is there");
    compiler.open_files(protos(root.as_ref())).expect("the files compile");
    let pool = compiler.descriptor_pool();
    let files = pool.files().filter(|file| file.package_name() != "google.protobuf");
    facts_of_table(&Table { files: files.map(|file| read_file(&pool, &file)).collect() })
}

/// Every `.proto` under `folder`, so that none is left out of the comparison.
fn protos(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("the folder is readable") {
        let path = entry.expect("its entries are readable").path();
        if path.is_dir() { found.extend(protos(&path)) } else { found.push(path) }
    }
    found
}

fn read_file(pool: &DescriptorPool, file: &FileDescriptor) -> File {
    let services = file.services().map(|service| Service {
        name: service.name().into(),
        methods: service.methods().map(|method| read_method(&method)).collect(),
    });
    let extensions = file.extensions().map(|extension| Extension {
        extends: extension.containing_message().full_name().into(),
        name: extension.name().into(),
        number: extension.number(),
        kind: format!("{:?}", extension.kind()),
        label: format!("{:?}", extension.cardinality()).to_lowercase(),
    });
    File {
        file: file.name().into(),
        package: file.package_name().into(),
        syntax: match file.syntax() {
            Syntax::Proto2 => "proto2".into(),
            Syntax::Proto3 => "proto3".into(),
        },
        services: services.collect(),
        messages: file.messages().map(|message| read_message(pool, &message)).collect(),
        enums: file.enums().map(|one| read_enum(pool, &one)).collect(),
        extensions: extensions.collect(),
    }
}

fn read_method(method: &MethodDescriptor) -> Method {
    Method {
        name: method.name().into(),
        input: method.input().full_name().into(),
        output: method.output().full_name().into(),
        client_streaming: method.is_client_streaming(),
        server_streaming: method.is_server_streaming(),
    }
}

fn read_message(pool: &DescriptorPool, message: &MessageDescriptor) -> Message {
    let name = message.full_name();
    assert!(message.child_messages().all(|child| child.is_map_entry()), "{name} nests messages");
    let proto = message.descriptor_proto();
    // A descriptor's ranges end behind their last number.
    let reserved = proto.reserved_range.iter().map(|range| (range.start(), range.end() - 1));
    Message {
        name: message.name().into(),
        since: since(pool, "msg", message.options()),
        fields: message.fields().map(|field| read_field(pool, &field)).collect(),
        enums: message.child_enums().map(|one| read_enum(pool, &one)).collect(),
        reserved_numbers: reserved.collect(),
        reserved_names: proto.reserved_name.clone(),
    }
}

fn read_field(pool: &DescriptorPool, field: &FieldDescriptor) -> Field {
    let repeated = field.cardinality() == Cardinality::Repeated;
    let presence = match (repeated, field.supports_presence()) {
        (true, _) => "none",
        (false, true) => "explicit",
        (false, false) => "implicit",
    };
    Field {
        name: field.name().into(),
        number: field.number(),
        kind: match field.kind() {
            Kind::Message(message) => message.full_name().into(),
            Kind::Enum(one) => one.full_name().into(),
            scalar => format!("{scalar:?}"),
        },
        label: format!("{:?}", field.cardinality()).to_lowercase(),
        oneof: field.containing_oneof().map(|oneof| oneof.name().into()),
        map: field.is_map(),
        default: field.field_descriptor_proto().default_value.clone(),
        json_name: field.json_name().into(),
        packed: repeated.then(|| field.is_packed()),
        presence: presence.into(),
        since: since(pool, "field", field.options()),
    }
}

fn read_enum(pool: &DescriptorPool, one: &EnumDescriptor) -> Enum {
    let values = one.values().map(|value| Value {
        name: value.name().into(),
        number: value.number(),
        since: since(pool, "enum_value", value.options()),
    });
    Enum {
        name: one.name().into(),
        since: since(pool, "enum", one.options()),
        values: values.collect(),
    }
}

/// The release an option of `versionpb` names, if it is set.
fn since(pool: &DescriptorPool, what: &str, options: DynamicMessage) -> Option<String> {
    let option = pool
        .get_extension_by_name(&format!("versionpb.etcd_version_{what}"))
        .expect("versionpb declares its options");
    options
        .has_extension(&option)
        .then(|| options.get_extension(&option).as_str().map(Into::into))
        .flatten()
}
