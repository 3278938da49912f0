namespace Vmm.Tests.Unit.Qapi;

/// <summary>One malformed schema per mistake: each is reported with its place.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SchemaErrorTests
{
    [TestCase("{ 'struct': 'Ab', 'data': { 'b': 5 } }", ":1: QAPI001: stray word '5'")]
    [TestCase("\n{ 'struct': 'Ab'", ":2: QAPI001: expected '}', found end of file")]
    [TestCase("\n\n'struct'", ":3: QAPI001: expected '{' of a definition, found string 'struct'")]
    [TestCase("{ 'struct' 'A' }", ":1: QAPI001: expected ':'")]
    [TestCase("{ 'enum': 'Ab', 'data': [ 'a', ] }", ":1: QAPI001: expected a value, found ']'")]
    [TestCase("{ 'enum': 'A }", ":1: QAPI001: string is not closed")]
    [TestCase("{ 'enum': 'A\\n' }", ":1: QAPI001: unknown escape")]
    [TestCase("{ 'enum': 'Ä' }", ":1: QAPI001: strings are printable ASCII")]
    [TestCase("{ \"enum\": 'A' }", ":1: QAPI001: stray character '\"'")]
    [TestCase("{ 'enum': 'Ab', 'data': [ 'a' }", ":1: QAPI001: expected ']', found '}'")]
    [TestCase("\n{ [ 'a' ]: 'b' }", ":2: QAPI001: expected a key, found '['")]
    public void Text_that_is_not_in_the_language(string schema, string expected) => Expect(schema, expected);

    [Test]
    public void Text_that_nests_without_an_end() =>
        Expect("\n{ 'enum': 'Ab', 'data': " + new string('[', 1000), ":2: QAPI001: more than 64 levels of nesting");

    [TestCase("\n{ 'include': 'other.json' }", ":2: QAPI002: no schema file 'other.json'")]
    [TestCase("{ 'include': 'other.json', 'if': 'X' }", ":1: QAPI003: 'include' stands alone")]
    [TestCase("{ 'include':\n [] }", ":2: QAPI003: 'include' must be a string")]
    [TestCase("##\n# @x:\n#\n# Text.\n##\n{ 'include': 'other.json' }", ":1: QAPI010: 'include' has no documentation")]
    public void A_wrong_include(string schema, string expected) => Expect(schema, expected);

    [Test]
    public void A_file_that_is_not_included() =>
        Assert.That(
            SchemaText.Generate((SchemaText.Root, ""), ("stray.json", "")).Errors(),
            Is.EqualTo("stray.json:1: QAPI002: stray.json is included from nowhere"));

    [Test]
    public void A_schema_without_a_root() =>
        Assert.That(SchemaText.Generate(("a.json", "")).Errors(), Does.StartWith("a.json:1: QAPI002: no file of the schema is named"));

    [Test]
    public void A_mistake_in_an_included_file_names_that_file() =>
        Assert.That(
            SchemaText.Generate((SchemaText.Root, "{ 'include': 'sub/a.json' }"), ("sub/a.json", "\n\n{ 'command': 'b', 'returns': 'C' }")).Errors(),
            Is.EqualTo("sub/a.json:3: QAPI006: unknown type 'C'"));

    [TestCase("{ 'thing': 'A' }", ":1: QAPI003: a definition has one of the keys")]
    [TestCase("{ 'struct': 'Ab' }", ":1: QAPI003: a struct lacks 'data'")]
    [TestCase("{ 'struct': 'Ab', 'data': {},\n 'colour': 'red' }", ":2: QAPI003: a struct cannot have 'colour'")]
    [TestCase("{ 'struct': [], 'data': {} }", ":1: QAPI003: 'struct' must be a string")]
    [TestCase("{ 'struct': 'Ab', 'data': [] }", ":1: QAPI003: 'data' of a struct must be an object")]
    [TestCase("{ 'struct': 'Ab', 'data': {\n 'b': true } }", ":2: QAPI003: member 'b' must be a type name or a list type")]
    [TestCase("{ 'struct': 'Ab', 'data': {\n 'b': [ 'int', 'str' ] } }", ":2: QAPI003: member 'b': a list type holds one type name")]
    [TestCase("{ 'struct': 'Ab', 'data': {\n 'b': { 'type': 'int', 'default': '5' } } }", ":2: QAPI003: member 'b' cannot have 'default'")]
    [TestCase("{ 'enum': 'Ab', 'data': [\n true ] }", ":2: QAPI003: a value must be a string or an object")]
    [TestCase("{ 'command': 'a',\n 'boxed': false, 'data': 'B' }", ":2: QAPI003: 'boxed' can only be true")]
    [TestCase("{ 'command': 'a',\n 'gen': 'no' }", ":2: QAPI003: 'gen' must be true or false")]
    [TestCase("\n{ 'command': 'a', 'boxed': true }", ":2: QAPI003: 'boxed' needs 'data'")]
    [TestCase("{ 'command': 'a', 'boxed': true,\n 'data': { 'b': 'int' } }", ":2: QAPI003: with 'boxed', 'data' must be a type name")]
    [TestCase("\n{ 'command': 'a', 'allow-oob': true, 'coroutine': true }", ":2: QAPI003: 'allow-oob' and 'coroutine' exclude")]
    [TestCase("{ 'struct': 'Res', 'data': { 'a': 'int' } }\n{ 'command': 'a', 'success-response': false, 'returns': 'Res' }", ":2: QAPI003: a command without")]
    [TestCase("{ 'pragma': {\n 'doc-optional': true } }", ":2: QAPI003: unknown pragma 'doc-optional'")]
    [TestCase("{ 'pragma':\n [] }", ":2: QAPI003: 'pragma' must be an object")]
    [TestCase("{ 'pragma': {}, 'if': 'X' }", ":1: QAPI003: 'pragma' stands alone")]
    [TestCase("{ 'pragma': { 'doc-required':\n 'yes' } }", ":2: QAPI003: 'doc-required' must be true or false")]
    [TestCase("{ 'pragma': { 'command-name-exceptions':\n 'a' } }", ":2: QAPI003: 'command-name-exceptions' must be a list")]
    [TestCase("{ 'pragma': { 'member-name-exceptions': [\n true ] } }", ":2: QAPI003: 'member-name-exceptions' item must be a string")]
    [TestCase("{ 'enum': 'Ab',\n 'data': 'x' }", ":2: QAPI003: 'data' of an enum must be a list")]
    [TestCase("{ 'enum': 'Ab', 'data': [\n { 'name': [] } ] }", ":2: QAPI003: 'name' must be a string")]
    [TestCase("{ 'enum': 'Ab', 'data': [\n { 'if': 'X' } ] }", ":2: QAPI003: a value lacks 'name'")]
    [TestCase("{ 'enum': 'Ab', 'data': [ { 'name': 'a',\n 'colour': 'b' } ] }", ":2: QAPI003: a value cannot have 'colour'")]
    [TestCase("{ 'command': 'a',\n 'data': true }", ":2: QAPI003: 'data' must be an object or a type name")]
    [TestCase("{ 'command': 'a',\n 'colour': 'red' }", ":2: QAPI003: a command cannot have 'colour'")]
    [TestCase("{ 'command': 'a',\n 'gen': true }", ":2: QAPI003: 'gen' can only be false")]
    [TestCase("{ 'command': 'a',\n 'success-response': true }", ":2: QAPI003: 'success-response' can only be false")]
    [TestCase("{ 'command': 'a',\n 'allow-oob': false }", ":2: QAPI003: 'allow-oob' can only be true")]
    [TestCase("{ 'command': 'a',\n 'allow-preconfig': false }", ":2: QAPI003: 'allow-preconfig' can only be true")]
    [TestCase("{ 'command': 'a',\n 'coroutine': false }", ":2: QAPI003: 'coroutine' can only be true")]
    [TestCase("{ 'event': 'A',\n 'boxed': false, 'data': 'B' }", ":2: QAPI003: 'boxed' can only be true")]
    [TestCase("{ 'event': 'A',\n 'returns': 'B' }", ":2: QAPI003: an event cannot have 'returns'")]
    [TestCase("{ 'event': 'A', 'features': [\n true ] }", ":2: QAPI003: a feature must be a string or an object")]
    [TestCase("{ 'event': 'A', 'features': [\n { 'if': 'X' } ] }", ":2: QAPI003: a feature lacks 'name'")]
    [TestCase("\n{ 'alternate': 'Al' }", ":2: QAPI003: an alternate lacks 'data'")]
    [TestCase("{ 'event': 'A',\n 'features': 'b' }", ":2: QAPI003: 'features' must be a list")]
    [TestCase("{ 'alternate': 'Al',\n 'data': {} }", ":2: QAPI003: 'data' of 'Al' is empty")]
    public void A_definition_of_the_wrong_form(string schema, string expected) => Expect(schema, expected);

    [TestCase("\n{ 'command': 'query_status' }", ":2: QAPI004: invalid name 'query_status': a command is named in lower case")]
    [TestCase("\n{ 'event': 'stop' }", ":2: QAPI004: invalid name 'stop': an event is named in UPPER_CASE")]
    [TestCase("\n{ 'enum': 'my-enum', 'data': [] }", ":2: QAPI004: invalid name 'my-enum': a type is named in CamelCase")]
    [TestCase("\n{ 'enum': 'NameList', 'data': [] }", ":2: QAPI004: 'NameList': names ending in 'List' are reserved")]
    [TestCase("{ 'struct': 'Ab', 'data': {\n 'big_name': 'int' } }", ":2: QAPI004: invalid name 'big_name': a member")]
    [TestCase("{ 'enum': 'Ab', 'data': [ 'a',\n 'B' ] }", ":2: QAPI004: invalid name 'B': a value")]
    [TestCase("{ 'event': 'A', 'features': [\n 'Bad_one' ] }", ":2: QAPI004: invalid name 'Bad_one': a feature")]
    [TestCase("{ 'struct': 'Ab', 'data': {\n 'write': 'int' } }", ":2: QAPI004: 'write' of Ab is a reserved name")]
    [TestCase("{ 'struct': 'Ab', 'data': {\n 'ab': 'int' } }", ":2: QAPI004: 'ab' of Ab is a reserved name")]
    [TestCase("{ 'command': 'a', 'data': {\n 'context': 'int' } }", ":2: QAPI004: 'context' is a reserved name among arguments")]
    [TestCase("{ 'event': 'A', 'data': {\n 'event-name': 'int' } }", ":2: QAPI004: 'event-name' is a reserved name in the data of an event")]
    [TestCase("{ 'enum': 'En', 'data': [ 'a' ] }\n{ 'union': 'Un', 'base': { 'data': 'En' }, 'discriminator': 'data', 'data': {\n 'a': 'St' } }\n{ 'struct': 'St', 'data': {} }", ":2: QAPI004: 'data' is a reserved name in the base of a union")]
    [TestCase("{ 'alternate': 'Al', 'data': {\n 'two words': 'int' } }", ":2: QAPI004: invalid name 'two words': a branch")]
    [TestCase("{ 'alternate': 'Al', 'data': {\n 'read': 'int' } }", ":2: QAPI004: 'read' of Al is a reserved name")]
    public void A_name_against_the_rules(string schema, string expected) => Expect(schema, expected);

    [TestCase("{ 'struct': 'Ab', 'data': {} }\n{ 'enum': 'Ab', 'data': [] }", ":2: QAPI005: 'Ab' is already defined (qapi-schema.json:1)")]
    [TestCase("{ 'command': 'a' }\n{ 'command': 'a' }", ":2: QAPI005: 'a' is already defined")]
    [TestCase("\n{ 'command': 'size' }", ":2: QAPI005: 'size' is already defined in the language")]
    [TestCase("{ 'command': 'a', 'data': { 'b': 'int',\n '*b': 'str' } }", ":2: QAPI005: 'b' of AArguments collides with 'b'")]
    [TestCase("{ 'struct': 'Ab', 'data': { 'b': 'int',\n 'b': 'str' } }", ":2: QAPI005: duplicate key 'b'")]
    [TestCase("{ 'struct': 'Ab', 'data': { 'b': 'int',\n '*b': 'str' } }", ":2: QAPI005: 'b' of Ab collides with 'b'")]
    [TestCase("{ 'enum': 'Ab', 'data': [ 'b',\n 'b' ] }", ":2: QAPI005: 'b' of Ab collides with 'b'")]
    [TestCase("{ 'struct': 'Ba', 'data': { 'x': 'int' } }\n{ 'struct': 'Ab', 'base': 'Ba', 'data': {\n 'x': 'str' } }", ":3: QAPI005: 'x' of Ab collides")]
    [TestCase("{ 'event': 'A', 'features': [ 'b',\n 'b' ] }", ":2: QAPI005: feature 'b' is already listed")]
    [TestCase("{ 'pragma': { 'command-name-exceptions': [ 'a_b' ] } }\n{ 'command': 'a-b' }\n{ 'command': 'a_b' }", ":3: QAPI005: 'a_b' collides with 'a-b'")]
    [TestCase("{ 'event': 'A' }\n{ 'struct': 'AEvent', 'data': {} }", ":1: QAPI005: 'A' needs the C# type AEvent")]
    [TestCase("\n{ 'struct': 'QmpException', 'data': {} }", ":2: QAPI005: 'QmpException' needs the C# type QmpException, which the run time")]
    public void A_name_that_is_taken(string schema, string expected) => Expect(schema, expected);

    [TestCase("{ 'struct': 'Ab', 'data': {\n 'b': 'Missing' } }", ":2: QAPI006: unknown type 'Missing'")]
    [TestCase("{ 'struct': 'Ab', 'data': {\n 'b': [ 'Missing' ] } }", ":2: QAPI006: unknown type 'Missing'")]
    [TestCase("{ 'struct': 'Ab',\n 'base': 'Missing', 'data': {} }", ":2: QAPI006: unknown type 'Missing'")]
    [TestCase("{ 'command': 'a',\n 'returns': 'Missing' }", ":2: QAPI006: unknown type 'Missing'")]
    [TestCase("{ 'command': 'a',\n 'data': 'Missing' }", ":2: QAPI006: unknown type 'Missing'")]
    [TestCase("{ 'event': 'A', 'data': {\n 'b': 'Missing' } }", ":2: QAPI006: unknown type 'Missing'")]
    [TestCase("{ 'alternate': 'Al', 'data': {\n 'b': 'Missing' } }", ":2: QAPI006: unknown type 'Missing'")]
    [TestCase("{ 'enum': 'En', 'data': [ 'a' ] }\n{ 'union': 'Un', 'base': { 't': 'En' }, 'discriminator': 't', 'data': {\n 'a': 'Missing' } }", ":3: QAPI006: unknown type 'Missing'")]
    [TestCase("{ 'struct': 'Gone', 'if': 'NOT_DEFINED', 'data': {} }\n{ 'command': 'a', 'returns': 'Gone' }", ":2: QAPI006: unknown type 'Gone'")]
    public void An_unknown_type(string schema, string expected) => Expect(schema, expected);

    [TestCase("{ 'struct': 'Ab',\n 'base': 'str', 'data': {} }", ":2: QAPI007: 'base' must be a struct, which 'str' is not")]
    [TestCase("\n{ 'struct': 'Ab', 'base': 'Ab', 'data': {} }", ":2: QAPI007: 'Ab' is its own base")]
    [TestCase("{ 'command': 'a',\n 'data': 'int' }", ":2: QAPI007: 'data' must be a struct, which 'int' is not")]
    [TestCase("{ 'command': 'a',\n 'returns': 'str' }", ":2: QAPI007: 'a' returns 'str', to which nothing can ever be added")]
    public void A_type_that_does_not_fit(string schema, string expected) => Expect(schema, expected);

    private const string Prelude = "{ 'enum': 'En', 'data': [ 'a', 'b' ] } { 'struct': 'St', 'data': { 'x': 'int' } }\n";

    [TestCase("{ 'union': 'Un', 'base': { 't': 'En' },\n 'discriminator': 'u', 'data': { 'a': 'St' } }", ":3: QAPI008: discriminator 'u' is not a member")]
    [TestCase("{ 'union': 'Un', 'base': { 't': 'str' },\n 'discriminator': 't', 'data': { 'a': 'St' } }", ":3: QAPI008: discriminator 't' is no enum but 'str'")]
    [TestCase("{ 'union': 'Un', 'base': { '*t': 'En' },\n 'discriminator': 't', 'data': { 'a': 'St' } }", ":3: QAPI008: discriminator 't' must not be optional")]
    [TestCase("{ 'union': 'Un', 'base': { 't': 'En' }, 'discriminator': 't', 'data': {\n 'c': 'St' } }", ":3: QAPI008: branch 'c' is not a value of En")]
    [TestCase("{ 'union': 'Un', 'base': { 't': 'En' }, 'discriminator': 't', 'data': {\n 'a': 'int' } }", ":3: QAPI008: branch 'a' must be a struct or union")]
    [TestCase("{ 'union': 'Un', 'base': { 't': 'En' }, 'discriminator': 't', 'data': {\n 'a': 'Un' } }", ":3: QAPI008: branch 'a' leads back to 'Un'")]
    [TestCase("{ 'union': 'Un', 'base': { 't': 'En', 'x': 'int' }, 'discriminator': 't', 'data': {\n 'a': 'St' } }", ":3: QAPI005: 'x' of branch 'a' collides")]
    [TestCase("{ 'union': 'Un', 'data': { 'a': 'St' } }", ":2: QAPI003: a union lacks 'base'")]
    [TestCase("{ 'union': 'Un', 'base': 'St', 'data': { 'a': 'St' } }", ":2: QAPI003: a union lacks 'discriminator'")]
    [TestCase("{ 'union': 'Un', 'base':\n 'En', 'discriminator': 't', 'data': { 'a': 'St' } }", ":3: QAPI007: 'base' must be a struct, which 'En' is not")]
    [TestCase("{ 'union': 'Un', 'base': { 't': 'En' }, 'discriminator':\n [], 'data': { 'a': 'St' } }", ":3: QAPI003: 'discriminator' must be a string")]
    [TestCase("{ 'union': 'Un', 'base': { 't': 'En' }, 'discriminator': 't', 'data': {\n 'a': { 'type': 'St', 'colour': 'red' } } }", ":3: QAPI003: branch 'a' cannot have 'colour'")]
    [TestCase("{ 'union': 'Un', 'base': { 't': 'En' }, 'discriminator': 't', 'data': { 'a': 'St' } }\n{ 'command': 'a',\n 'data': 'Un' }", ":4: QAPI007: 'data' must be a struct, which 'Un' is not")]
    public void A_wrong_union(string schema, string expected) => Expect(Prelude + schema, expected);

    [TestCase("{ 'alternate': 'Al', 'data': { 'i': 'int',\n 'n': 'number' } }", ":3: QAPI009: branch 'n' cannot be distinguished from 'i': both are of JSON type number")]
    [TestCase("{ 'alternate': 'Al', 'data': { 's': 'str',\n 'e': 'En' } }", ":3: QAPI009: branch 'e' cannot be distinguished from 's'")]
    [TestCase("{ 'alternate': 'Al', 'data': {\n 'v': 'any' } }", ":3: QAPI009: branch 'v' takes any value")]
    [TestCase("{ 'alternate': 'Other', 'data': { 's': 'str' } } { 'alternate': 'Al', 'data': {\n 'v': 'Other' } }", ":3: QAPI009: branch 'v' is itself an alternate")]
    public void A_wrong_alternate(string schema, string expected) => Expect(Prelude + schema, expected);

    private const string Documented = "{ 'pragma': { 'doc-required': true } }\n";

    [TestCase("\n{ 'command': 'a' }", ":3: QAPI010: 'a' is not documented")]
    [TestCase("##\n# @b:\n#\n# Text.\n##\n{ 'command': 'a' }", ":2: QAPI010: documentation of 'b' stands before 'a'")]
    [TestCase("##\n# @a:\n##\n{ 'command': 'a' }", ":2: QAPI010: documentation of 'a' does not say what it is")]
    [TestCase("##\n# @a:\n#\n# Text.\n##\n{ 'command': 'a', 'data': {\n 'b': 'int' } }", ":8: QAPI010: 'b' of a is not documented")]
    [TestCase("##\n# @A:\n#\n# Text.\n##\n{ 'event': 'A', 'features': [\n 'b' ] }", ":8: QAPI010: feature 'b' of A is not documented")]
    [TestCase("##\n# @A:\n#\n# Text.\n#\n# Features:\n#\n# @b: gone\n##\n{ 'event': 'A' }", ":9: QAPI010: 'A' has no feature 'b'")]
    [TestCase("##\n# @Ab:\n#\n# Text.\n#\n# @c: gone\n##\n{ 'enum': 'Ab', 'data': [] }", ":7: QAPI010: 'Ab' has no member 'c'")]
    [TestCase("##\n# @Ab:\n#\n# Text.\n#\n# @c: a\n#\n# @c: b\n##\n{ 'enum': 'Ab', 'data': [ 'c' ] }", ":9: QAPI010: 'c' is documented twice")]
    [TestCase("##\n# @Ab:\n#\n# Text.\n#\n# @c:\n##\n{ 'enum': 'Ab', 'data': [ 'c' ] }", ":7: QAPI010: documentation of 'c' is empty")]
    [TestCase("##\n# @Ab:\n#\n# Text.\n#\n# Returns: all\n##\n{ 'enum': 'Ab', 'data': [] }", ":7: QAPI010: only a command's documentation has 'Returns:'")]
    [TestCase("##\n# @a:\n#\n# Text.\n##\n", ":2: QAPI010: documentation of 'a' is not followed by its definition")]
    [TestCase("##\n# @a:\n#\n# Text.\n", ":2: QAPI010: documentation block is not closed by '##'")]
    [TestCase("##\n# @a:\n#Text.\n##\n", ":4: QAPI010: a line of documentation starts with '# '")]
    public void Wrong_documentation(string schema, string expected) => Expect(Documented + schema, expected);

    [TestCase("{ 'command': 'a',\n 'if': 'lower' }", ":2: QAPI011: a condition is")]
    [TestCase("{ 'command': 'a', 'if': {\n 'all': [] } }", ":1: QAPI011: a condition is")]
    [TestCase("{ 'command': 'a', 'if': { 'some':\n [ 'A' ] } }", ":1: QAPI011: a condition is")]
    public void A_wrong_condition(string schema, string expected) => Expect(schema, expected);

    [Test]
    public void One_build_reports_mistakes_in_several_definitions() =>
        Assert.That(
            SchemaText.Generate("{ 'command': 'A' }\n{ 'command': 'b', 'returns': 'C' }\n{ 'enum': 'Ab', 'data': 'x' }").Errors.Select(e => e.Location.Line),
            Is.EqualTo([1, 2, 3]));

    private static void Expect(string schema, string expected)
    {
        var output = SchemaText.Generate(schema);

        Assert.That(output.Errors(), Does.StartWith(SchemaText.Root + expected));
        Assert.That(output.Sources, Is.Empty, "no code from a wrong schema");
    }
}
