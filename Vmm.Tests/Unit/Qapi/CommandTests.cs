using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>Commands of our schema, from JSON to the handler and back.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CommandTests
{
    private readonly RecordingHandlers _handlers = new();

    [Test]
    public void The_schema_has_these_commands() =>
        Assert.That(QapiCommands.Names, Is.EquivalentTo(new[]
        {
            "qmp_capabilities", "query-version", "query-commands", "query-qmp-schema", "query-name", "query-uuid", "query-status", "query-kvm",
            "query-target", "query-cpus-fast", "query-memory-size-summary", "query-memdev", "query-machines", "query-chardev", "stop", "cont",
            "system_reset", "system_powerdown", "quit", "human-monitor-command", "migrate", "x-cpr-preflight", "migrate-incoming", "migrate_cancel",
            "migrate-set-parameters", "query-migrate-parameters", "migrate-set-capabilities", "query-migrate-capabilities", "query-migrate", "getfd",
            "query-block", "query-named-block-nodes", "query-blockstats", "blockdev-add", "blockdev-del", "block_resize", "query-iothreads", "object-add", "object-del",
            "closefd", "qom-list", "qom-get", "qom-set", "qom-list-get", "qom-list-types", "qom-list-properties", "device-list-properties",
            "query-chardev-backends", "ringbuf-read", "ringbuf-write", "chardev-send-break", "chardev-add", "chardev-change", "chardev-remove",
            "netdev_add", "netdev_del", "set_link", "query-rx-filter", "query-stats", "query-stats-schemas",
        }));

    [Test]
    public async Task The_merged_form_of_migrate_reaches_its_handler()
    {
        string reply = await _handlers.Invoke("migrate", """
            {"channels":[{"channel-type":"main","addr":{"transport":"socket","type":"unix","path":"/run/vm.sock"}},
                         {"addr":{"str":"7","type":"fd","transport":"socket"},"channel-type":"cpr"}]}
            """);

        Assert.That(reply, Is.EqualTo("{}"));
        Assert.That(_handlers.Received, Is.EqualTo(new object?[]
        {
            null,
            new MigrationChannel { ChannelType = MigrationChannelType.Main, Addr = Socket(new SocketAddressUnix { Data = new() { Path = "/run/vm.sock" } }) },
            new MigrationChannel { ChannelType = MigrationChannelType.Cpr, Addr = Socket(new SocketAddressFd { Data = new() { Str = "7" } }) },
            null,
            null,
        }));
    }

    [Test]
    public async Task A_node_described_within_another_reaches_its_handler()
    {
        await _handlers.Invoke("blockdev-add", """{"driver":"raw","node-name":"n","cache":{"direct":true},"file":{"driver":"file","filename":"/a","aio":"io_uring","locking":"off"}}""");

        Assert.That(_handlers.Received, Is.EqualTo(new object[]
        {
            new BlockdevOptionsRaw
            {
                NodeName = "n",
                Cache = new() { Direct = true },
                Data = new()
                {
                    File = BlockdevRef.FromDefinition(
                        new BlockdevOptionsFile { Data = new() { Filename = "/a", Aio = BlockdevAioOptions.IoUring, Locking = OnOffAuto.Off } }),
                },
            },
        }));
    }

    [Test]
    public async Task A_network_back_end_reaches_its_handler()
    {
        await _handlers.Invoke("netdev_add", """{"type":"tap","id":"n","fds":"a:b","vhost":false}""");
        await _handlers.Invoke("netdev_add", """{"type":"stream","id":"s","addr":{"type":"unix","path":"/p"},"reconnect-ms":5}""");

        Assert.That(_handlers.Received, Is.EqualTo(new object[]
        {
            new NetdevTap { Id = "n", Data = new() { Fds = "a:b", Vhost = false } },
            new NetdevStream { Id = "s", Data = new() { Addr = new SocketAddressUnix { Data = new() { Path = "/p" } }, ReconnectMs = 5 } },
        }));
    }

    [TestCase("""{"target":"vm"}""", StatsTarget.Vm)]
    [TestCase("""{"target":"vcpu","vcpus":["/machine/cpu[0]"],"providers":[{"provider":"kvm","names":["a"]}]}""", StatsTarget.Vcpu)]
    [TestCase("""{"target":"x-netdev","providers":[{"provider":"x-netdev"}]}""", StatsTarget.XNetdev)]
    public async Task Statistics_of_each_target_can_be_asked_for(string arguments, StatsTarget target)
    {
        Assert.That(await _handlers.Invoke("query-stats", arguments), Is.EqualTo("[]"));
        Assert.That(((StatsFilter)_handlers.Received.Single()!).Target, Is.EqualTo(target));
    }

    [TestCase("""{"cpr-uri":"unix:cpr.sock","mode":"cpr-transfer"}""", "unix:cpr.sock")]
    [TestCase("""{"cpr-uri":null,"mode":"cpr-transfer"}""", null)]
    public async Task Cpr_uri_is_a_string_or_null(string arguments, string? expected)
    {
        await _handlers.Invoke("migrate-set-parameters", arguments);

        var parameters = (MigrateSetParameters)_handlers.Received.Single()!;
        Assert.Multiple(() =>
        {
            Assert.That(parameters.Mode, Is.EqualTo(MigMode.CprTransfer));
            Assert.That(parameters.CprUri!.Str, Is.EqualTo(expected));
            Assert.That(parameters.CprUri.Null.HasValue, Is.EqualTo(expected == null));
            Assert.That(parameters.CprLoadTimeout, Is.Null, "absent");
        });
    }

    [TestCase("query-status", """{"running":false,"status":"postmigrate"}""")]
    [TestCase("query-target", """{"arch":"x86_64"}""")]
    [TestCase("query-uuid", """{"UUID":"00000000-0000-0000-0000-000000000000"}""")]
    [TestCase("query-name", "{}")]
    [TestCase("query-migrate", "{}")]
    [TestCase("query-cpus-fast", """[{"cpu-index":0,"qom-path":"/machine/cpu[0]","thread-id":7,"target":"x86_64"}]""")]
    [TestCase("query-memdev", "[]")]
    [TestCase("query-block", "[]")]
    [TestCase("query-iothreads", """[{"id":"t","thread-id":7,"poll-max-ns":32768,"poll-grow":0,"poll-shrink":0,"aio-max-batch":0}]""")]
    [TestCase("query-version", """{"qemu":{"major":10,"minor":0,"micro":0},"package":""}""")]
    [TestCase("query-migrate-parameters", """{"mode":"normal","cpr-uri":"","cpr-exec-command":[],"cpr-connect-timeout":1,"cpr-plan-timeout":2,"cpr-ready-timeout":3,"cpr-state-timeout":4,"cpr-drain-timeout":8,"cpr-load-timeout":5,"cpr-acknowledge-timeout":6,"cpr-prefault-budget":50}""")]
    [TestCase("stop", "{}")]
    public async Task A_command_answers(string command, string expected)
    {
        Assert.That(await _handlers.Invoke(command), Is.EqualTo(expected), "without arguments");
        Assert.That(await _handlers.Invoke(command, "{}"), Is.EqualTo(expected), "with empty arguments");
    }

    [Test]
    public async Task What_the_schema_writes_it_also_reads()
    {
        _handlers.Migration = new()
        {
            Status = MigrationStatus.Failed,
            TotalTime = 12,
            ErrorDesc = "old's \"reason\"",
            BlockedReasons = ["a", "b"],
            SocketAddress = [new SocketAddressInet { Data = new() { Host = "::1", Port = "4444", Ipv6 = true } }],
            Cpr = new() { Prepare = 1, Prefault = 2, Kick = 3, Drain = 4, Save = 5, Send = 6, Load = 7, Take = 8, Resume = 9, Pause = 10, Collections = 11 },
        };

        string json = await _handlers.Invoke("query-migrate");

        var read = Read(json);
        Assert.Multiple(() =>
        {
            Assert.That(read with { BlockedReasons = null, SocketAddress = null },
                Is.EqualTo(_handlers.Migration with { BlockedReasons = null, SocketAddress = null }), json);
            Assert.That(read.BlockedReasons, Is.EqualTo(_handlers.Migration.BlockedReasons));
            Assert.That(read.SocketAddress, Is.EqualTo(_handlers.Migration.SocketAddress));
        });

        static MigrationInfo Read(string json)
        {
            var reader = new System.Text.Json.Utf8JsonReader(System.Text.Encoding.UTF8.GetBytes(json));
            return MigrationInfo.Read(ref reader, "");
        }
    }

    [TestCase("it's <fine> & \"good\"", "\"it's <fine> & \\\"good\\\"\"")]
    [TestCase("a\r\n\t\\\u0001\u007f", "\"a\\r\\n\\t\\\\\\u0001\\u007F\"")]
    [TestCase("\u00fc\u20ac\U0001F600", "\"\\u00FC\\u20AC\\uD83D\\uDE00\"")]
    public async Task Text_is_ascii_and_escaped_no_more_than_needed(string text, string expected)
    {
        _handlers.Text = text;

        Assert.That(await _handlers.Invoke("human-monitor-command", """{"command-line":"info version"}"""), Is.EqualTo(expected));
    }

    [Test]
    public async Task A_long_text_with_many_escapes_is_written_whole()
    {
        _handlers.Text = string.Concat(Enumerable.Repeat("\U0001F600\u00fc'a", 50_000));

        string json = await _handlers.Invoke("human-monitor-command", """{"command-line":"x"}""");

        Assert.That(json, Is.EqualTo('"' + string.Concat(Enumerable.Repeat("\\uD83D\\uDE00\\u00FC'a", 50_000)) + '"'));
    }

    [TestCase("qmp_capabilities", """{"enable":["foo"]}""", "Parameter 'null' does not accept value 'foo'")]
    [TestCase("qmp_capabilities", """{"enable":"foo"}""", "Invalid parameter type for 'enable', expected: array")]
    [TestCase("qmp_capabilities", """{"enable":[5]}""", "Invalid parameter type for 'enable[0]', expected: string")]
    [TestCase("migrate", """{"uri":5}""", "Invalid parameter type for 'uri', expected: string")]
    [TestCase("migrate", """{"uri":null}""", "Invalid parameter type for 'uri', expected: string")]
    [TestCase("migrate", """{"foo":1,"uri":5}""", "Invalid parameter type for 'uri', expected: string")]
    [TestCase("migrate", """{"foo":1,"bar":2}""", "Parameter 'foo' is unexpected")]
    [TestCase("migrate", """{"channels":[{"channel-type":"main","addr":{}}]}""", "Parameter 'channels[0].addr.transport' is missing")]
    [TestCase("migrate", """{"channels":[{"channel-type":"main","addr":{"transport":"x"}}]}""", "Parameter 'transport' does not accept value 'x'")]
    [TestCase("migrate", """{"channels":[{"channel-type":"main","addr":{"transport":"socket","type":"unix"}}]}""", "Parameter 'channels[0].addr.path' is missing")]
    [TestCase("migrate", """{"channels":[{"channel-type":"main","addr":{"transport":"socket","type":"unix","path":"a","host":"b"}}]}""", "Parameter 'channels[0].addr.host' is unexpected")]
    [TestCase("migrate", """{"channels":[{"channel-type":"main","addr":{"transport":"exec","args":["a",5]}}]}""", "Invalid parameter type for 'channels[0].addr.args[1]', expected: string")]
    [TestCase("migrate-set-capabilities", "", "Parameter 'capabilities' is missing")]
    [TestCase("migrate-set-capabilities", """{"capabilities":[{"capability":"nope","state":true}]}""", "Parameter 'capability' does not accept value 'nope'")]
    [TestCase("migrate-set-capabilities", """{"capabilities":[{"capability":"events"}]}""", "Parameter 'capabilities[0].state' is missing")]
    [TestCase("migrate-set-capabilities", """{"capabilities":[{"capability":"events","state":1}]}""", "Invalid parameter type for 'capabilities[0].state', expected: boolean")]
    [TestCase("migrate-set-capabilities", """{"capabilities":[{"capability":"events","state":true,"x":1}]}""", "Parameter 'capabilities[0].x' is unexpected")]
    [TestCase("migrate-set-parameters", """{"mode":"bogus"}""", "Parameter 'mode' does not accept value 'bogus'")]
    [TestCase("migrate-set-parameters", """{"mode":5}""", "Invalid parameter type for 'mode', expected: string")]
    [TestCase("migrate-set-parameters", """{"cpr-uri":5}""", "Invalid parameter type for 'cpr-uri', expected: StrOrNull")]
    [TestCase("migrate-set-parameters", """{"cpr-exec-command":"x"}""", "Invalid parameter type for 'cpr-exec-command', expected: array")]
    [TestCase("migrate-set-parameters", """{"cpr-exec-command":[5]}""", "Invalid parameter type for 'cpr-exec-command[0]', expected: string")]
    [TestCase("migrate-set-parameters", """{"mode":"cpr-reboot"}""", "Parameter 'mode' does not accept value 'cpr-reboot'")]
    [TestCase("migrate-set-parameters", """{"cpr-load-timeout":"5"}""", "Parameter 'cpr-load-timeout' expects uint64")]
    [TestCase("migrate-set-parameters", """{"cpr-load-timeout":4294967296}""", "Parameter 'cpr-load-timeout' expects uint32_t")]
    [TestCase("migrate-set-parameters", """{"nope":1}""", "Parameter 'nope' is unexpected")]
    [TestCase("human-monitor-command", "{}", "Parameter 'command-line' is missing")]
    [TestCase("human-monitor-command", """{"command-line":"x","cpu-index":1.5}""", "Invalid parameter type for 'cpu-index', expected: integer")]
    [TestCase("ringbuf-read", """{"device":"r"}""", "Parameter 'size' is missing")]
    [TestCase("ringbuf-read", """{"device":"r","size":1,"format":"hex"}""", "Parameter 'format' does not accept value 'hex'")]
    [TestCase("ringbuf-write", """{"device":"r"}""", "Parameter 'data' is missing")]
    [TestCase("query-status", """{"x":1}""", "Parameter 'x' is unexpected")]
    [TestCase("query-status", """{"\ud800":1}""", "The name of a member is not valid Unicode")]
    [TestCase("getfd", """{"\ud800":1}""", "The name of a member is not valid Unicode")]
    [TestCase("blockdev-add", "{}", "Parameter 'driver' is missing")]
    [TestCase("blockdev-add", """{"driver":"bogus"}""", "Parameter 'driver' does not accept value 'bogus'")]
    [TestCase("blockdev-add", """{"driver":"file","node-name":"n"}""", "Parameter 'filename' is missing")]
    [TestCase("blockdev-add", """{"driver":"raw","node-name":"n","file":5}""", "Invalid parameter type for 'file', expected: BlockdevRef")]
    [TestCase("blockdev-add", """{"driver":"raw","node-name":"n","file":{"driver":"file"}}""", "Parameter 'file.filename' is missing")]
    [TestCase("object-add", """{"qom-type":"zz","id":"i"}""", "Parameter 'qom-type' does not accept value 'zz'")]
    [TestCase("object-add", """{"qom-type":"iothread","id":"i","foo":1}""", "Parameter 'foo' is unexpected")]
    [TestCase("block_resize", """{"device":"d"}""", "Parameter 'size' is missing")]
    [TestCase("cont", "", "Guest is waiting for an incoming migration")]
    public async Task A_request_error_has_the_words_that_clients_know(string command, string arguments, string expected)
    {
        Assert.That(await _handlers.Invoke(command, arguments), Is.EqualTo("GenericError: " + expected));
        Assert.That(_handlers.Received, Is.Empty, "no handler was called");
    }

    [Test]
    public async Task Arguments_of_any_shape_do_no_worse_than_an_error([Range(1, 8)] int seed)
    {
        const string Good = """{"channels":[{"channel-type":"main","addr":{"transport":"socket","type":"inet","host":"h","port":"1","to":5}}],"uri":"u","resume":true}""";
        string[] pieces = ["null", "5", "-1", "1e9", "\"x\"", "[]", "{}", "true", "\"type\"", "\"unix\"", "\"\\ud800\"", "\"path\":1,", "[{}]"];
        var random = new Random(seed);
        int tried = 0;
        while (tried < 25)
        {
            int at = random.Next(Good.Length);
            string text = Good.Remove(at, random.Next(Math.Min(12, Good.Length - at))).Insert(at, pieces[random.Next(pieces.Length)]);
            if (!IsObject(text))
            {
                continue;
            }
            tried++;
            foreach (string command in QapiCommands.Names.Where(name => name != "query-qmp-schema"))
            {
                Assert.That(await _handlers.Invoke(command, text), Does.StartWith("GenericError: ").Or.EqualTo("{}"), text);
            }
        }

        static bool IsObject(string text)
        {
            try
            {
                using var document = System.Text.Json.JsonDocument.Parse(text);
                return document.RootElement.ValueKind == System.Text.Json.JsonValueKind.Object;
            }
            catch (System.Text.Json.JsonException)
            {
                return false;
            }
        }
    }

    private static MigrationAddressSocket Socket(SocketAddress address) => new() { Data = address };
}
