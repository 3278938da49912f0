using System.Text.Json;
using System.Text.Json.Nodes;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>Migration parameters and capabilities as clients set and read them.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MigrationSettingsTests : EndToEndTest
{
    private const string Defaults =
        """
        {"mode": "normal", "cpr-uri": "", "cpr-exec-command": [], "cpr-connect-timeout": 5000, "cpr-plan-timeout": 10000, "cpr-ready-timeout": 30000,
         "cpr-state-timeout":10000,"cpr-drain-timeout":500,"cpr-load-timeout": 2000, "cpr-acknowledge-timeout": 2000, "cpr-prefault-budget": 50}
        """;

    private QmpClient _qmp = null!;

    [SetUp]
    public async Task Boot() => _qmp = await OpenQmpAsync(await StartAsync(TinyMachine.Booting("counter", "-S")));

    [Test]
    public async Task At_the_start_everything_is_as_the_schema_says()
    {
        await ExpectParametersAsync(Defaults);
        Assert.That(await CapabilitiesAsync(), Is.EqualTo("events=False return-path=False x-ignore-shared=False validate-uuid=False"));
    }

    [TestCase("mode", "\"cpr-transfer\"")]
    [TestCase("cpr-uri", "\"unix:/somewhere\"")]
    [TestCase("mode", "\"cpr-exec\"")]
    [TestCase("cpr-exec-command", "[\"/bin/x\", \"-a\", \"b c\"]")]
    [TestCase("cpr-exec-command", "[\"\"]")]
    [TestCase("cpr-connect-timeout", "0")]
    [TestCase("cpr-plan-timeout", "1")]
    [TestCase("cpr-ready-timeout", "4294967295")]
    [TestCase("cpr-state-timeout", "20000")]
    [TestCase("cpr-load-timeout", "1999")]
    [TestCase("cpr-acknowledge-timeout", "3")]
    [TestCase("cpr-prefault-budget", "0")]
    public async Task A_parameter_is_what_it_was_set_to_and_the_others_stay(string name, string value)
    {
        await _qmp.ExecuteAsync("migrate-set-parameters", $$"""{"{{name}}": {{value}}}""");

        var expected = JsonNode.Parse(Defaults)!;
        expected[name] = JsonNode.Parse(value);
        await ExpectParametersAsync(expected.ToJsonString());
    }

    [TestCase("\"cpr-load-timeout\": -1", "Parameter 'cpr-load-timeout' expects uint32_t")]
    [TestCase("\"cpr-prefault-budget\": 4294967296", "Parameter 'cpr-prefault-budget' expects uint32_t")]
    [TestCase("\"cpr-state-timeout\": 1.0", "Parameter 'cpr-state-timeout' expects uint64")]
    [TestCase("\"cpr-exec-command\": null", "Invalid parameter type for 'cpr-exec-command', expected: array")]
    [TestCase("\"cpr-exec-command\": [5]", "Invalid parameter type for 'cpr-exec-command[0]', expected: string")]
    [TestCase("\"max-bandwidth\": 5", "Parameter 'max-bandwidth' is unexpected")]
    public async Task Of_parameters_of_which_one_is_refused_none_is_set(string bad, string text)
    {
        var refused = Assert.ThrowsAsync<QmpException>(() => _qmp.ExecuteAsync(
            "migrate-set-parameters", $$"""{"mode": "cpr-transfer", "cpr-uri": "unix:cpr.sock", {{bad}}, "cpr-plan-timeout": 1}"""));

        Assert.That(refused?.Message, Is.EqualTo(text));
        await ExpectParametersAsync(Defaults);
    }

    [Test]
    public async Task Of_capabilities_of_which_one_is_refused_none_is_switched()
    {
        await _qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "return-path", "state": true}]}""");

        var refused = Assert.ThrowsAsync<QmpException>(() => _qmp.ExecuteAsync(
            "migrate-set-capabilities",
            """
            {"capabilities": [{"capability": "events", "state": true}, {"capability": "return-path", "state": false},
                              {"capability": "xbzrle", "state": true}]}
            """));

        Assert.That(refused?.Message, Is.EqualTo("Parameter 'capability' does not accept value 'xbzrle'"));
        Assert.That(await CapabilitiesAsync(), Is.EqualTo("events=False return-path=True x-ignore-shared=False validate-uuid=False"));
    }

    private async Task ExpectParametersAsync(string expected)
    {
        var parameters = await _qmp.ExecuteAsync("query-migrate-parameters");
        Assert.That(JsonElement.DeepEquals(parameters, JsonElement.Parse(expected)), Is.True, parameters.GetRawText());
    }

    private async Task<string> CapabilitiesAsync() => string.Join(
        ' ',
        (await _qmp.ExecuteAsync("query-migrate-capabilities")).EnumerateArray()
            .Select(c => $"{c.GetProperty("capability").GetString()}={c.GetProperty("state").GetBoolean()}"));
}
