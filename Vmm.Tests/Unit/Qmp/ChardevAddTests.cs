using System.Buffers;
using System.Text;
using Vmm.CommandLine;
using Vmm.Core.Configuration;
using Vmm.Core.Native;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;
using Vmm.Tests.Unit.CommandLine;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>chardev-add, chardev-change and chardev-remove of a machine, with the words of QEMU 10 where they fail.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ChardevAddTests : IDisposable
{
    private readonly MachineFiles _files = new();
    private readonly MachineHost _host;
    private readonly CommandHandlers _handlers;

    public ChardevAddTests()
    {
        _host = new MachineHost(_files.Configuration, new GuestOwnership());
        _host.Do(_host.Machine.PowerOn);
        var fakes = new FakeHandlers().Handlers;
        _handlers = new CommandHandlers
        {
            Char = new CharCommands(
                () => _host.Machine.Board!.Chardevs.Select(c => new ChardevInfo { Label = c.Label, Filename = c.FileName, FrontendOpen = c.FrontendOpen }),
                id => _host.Machine.Board!.Chardevs.FirstOrDefault(c => c.Label == id),
                _host.Machine.Chardevs),
            Block = fakes.Block,
            Machine = fakes.Machine,
            Qom = fakes.Qom,
            Control = fakes.Control,
            RunState = fakes.RunState,
            Net = fakes.Net,
            Stats = fakes.Stats,
            Qdev = fakes.Qdev,
            Migration = fakes.Migration,
            Misc = fakes.Misc,
            Introspect = fakes.Introspect,
        };
    }

    public void Dispose()
    {
        _host.Dispose();
        _files.Dispose();
    }

    [Test]
    public void A_pseudo_terminal_is_named_in_the_reply()
    {
        string reply = Try("chardev-add", """{"id":"p","backend":{"type":"pty","data":{}}}""");

        Assert.That(reply, Does.Match("""^\{"pty":"/dev/pts/[0-9]+"\}$"""));
        Assert.That(Try("query-chardev"), Does.Contain($$"""{"label":"p","filename":"pty:{{reply[8..^2]}}","frontend-open":false}"""));
        Assert.That(Try("chardev-change", """{"id":"p","backend":{"type":"null","data":{}}}"""), Is.EqualTo("{}"));
        Assert.That(Try("chardev-change", """{"id":"serial0","backend":{"type":"pty","data":{}}}"""), Does.Match("""^\{"pty":"/dev/pts/[0-9]+"\}$"""));
    }

    [TestCase("""{"type":"null","data":{}}""", "null")]
    [TestCase("""{"type":"ringbuf","data":{"size":16}}""", "ringbuf")]
    [TestCase("""{"type":"memory","data":{}}""", "memory")]
    [TestCase("""{"type":"file","data":{"out":"DIR/o","append":true}}""", "file")]
    [TestCase("""{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/s"}}}}""", "disconnected:unix:DIR/s,server=on")]
    [TestCase("""{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/s"}},"server":true,"wait":true,"telnet":false}}""", "disconnected:unix:DIR/s,server=on")]
    [TestCase("""{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/s"}},"server":false,"reconnect-ms":60000}}""", "disconnected:unix:DIR/s")]
    public void What_is_added_is_listed(string backend, string filename)
    {
        Assert.That(Give("chardev-add", "c", Here(backend)), Is.EqualTo("{}"));
        Assert.That(Try("query-chardev"), Does.Contain($$"""{"label":"c","filename":"{{Here(filename)}}","frontend-open":false}"""));
        Assert.That(Try("chardev-remove", """{"id":"c"}"""), Is.EqualTo("{}"));
        Assert.That(Try("query-chardev"), Does.Not.Contain("\"c\""));
    }

    [TestCase("c", """{"type":"file","data":{"out":"DIR/no/x"}}""", "open 'DIR/no/x': No such file or directory")]
    [TestCase("c", """{"type":"file","data":{"out":"DIR/o","in":"/dev/null"}}""", "'in' is not supported: expected out alone, or a pty or socket for input")]
    [TestCase("c", """{"type":"file","data":{"out":""}}""", "Parameter 'path' expects a path, not ''")]
    [TestCase("c", """{"type":"file","data":{"out":"a\u0000b"}}""", "Parameter 'path' expects a path without zero bytes")]
    [TestCase("c", """{"type":"ringbuf","data":{"size":3}}""", "size of ringbuf chardev must be power of two: expected 1 to 67108864 bytes, not 3")]
    [TestCase("c", """{"type":"ringbuf","data":{"size":-4}}""", "size of ringbuf chardev must be power of two")]
    [TestCase("c", """{"type":"ringbuf","data":{"size":1099511627776}}""", "size of ringbuf chardev must be power of two: expected 1 to 67108864 bytes, not 1099511627776")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/none"}},"server":false}}""", "Failed to connect to 'DIR/none': No such file or directory")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/none"}},"server":false,"wait":true}}""", "'wait' option is incompatible with socket in client connect mode")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/none"}},"server":true,"reconnect":1}}""", "'reconnect' option is incompatible with socket in server listen mode")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/none"}},"server":false,"reconnect":-1}}""", "Parameter 'reconnect' expects 0 to 2147483647, not -1")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/none"}},"server":false,"reconnect-ms":9223372036854775807}}""", "Parameter 'reconnect-ms' expects 0 to 2147483647000, not 9223372036854775807")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/none"}},"server":false,"reconnect":1,"reconnect-ms":1}}""", "'reconnect' and 'reconnect-ms' are mutually exclusive")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/s"}},"websocket":true}}""", "telnet, tn3270 and websocket are not supported: expected a plain socket, without them")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"DIR/s"}},"tls-creds":"t"}}""", "TLS is not supported: expected a plain socket, without tls-creds and tls-authz")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"inet","data":{"host":"127.0.0.1","port":"x"}}}}""", "Parameter 'port' expects a number from 0 to 65535, not 'x'")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"inet","data":{"host":"127.0.0.1","port":"70000"}}}}""", "Parameter 'port' expects a number from 0 to 65535, not 70000")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"inet","data":{"host":"name.example","port":"1"}}}}""", "Parameter 'host' expects an IP address or localhost, of the kind that ipv4 and ipv6 admit, not 'name.example': names are not resolved")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"vsock","data":{"cid":"1","port":"1"}}}}""", "vsock is not supported: expected unix, inet or fd")]
    [TestCase("c", """{"type":"socket","data":{"addr":{"type":"fd","data":{"str":"nofd"}}}}""", "File descriptor named 'nofd' has not been found")]
    public void What_cannot_be_added_or_changed_to_is_refused(string id, string backend, string why)
    {
        Assert.That(Give("chardev-add", id, Here(backend)), Is.EqualTo($"Failed to add chardev '{id}': {Here(why)}"));
        Assert.That(Give("chardev-change", "serial0", Here(backend)), Is.EqualTo(Here(why)));
        Assert.That(Try("query-chardev"), Does.Contain("""{"label":"serial0","filename":"file","frontend-open":true}""").And.Not.Contain("\"c\""));
    }

    [TestCase("chardev-add", """{"id":"serial0","backend":{"type":"null","data":{}}}""", "Chardev with id 'serial0' already exists")]
    [TestCase("chardev-add", """{"id":"c","backend":{"type":"nosuch"}}""", "Parameter 'type' does not accept value 'nosuch'")]
    [TestCase("chardev-add", """{"id":"c","backend":{"type":"file","data":{}}}""", "Parameter 'backend.data.out' is missing")]
    [TestCase("chardev-add", """{"id":"c","backend":{"type":"null"}}""", "Parameter 'backend.data' is missing")]
    [TestCase("chardev-add", """{"id":"c","backend":{"type":"null","data":{"more":1}}}""", "Parameter 'backend.data.more' is unexpected")]
    [TestCase("chardev-change", """{"id":"zz","backend":{"type":"null","data":{}}}""", "Chardev 'zz' does not exist")]
    [TestCase("chardev-remove", """{"id":"zz"}""", "Chardev 'zz' not found")]
    [TestCase("chardev-remove", """{"id":"debug"}""", "Chardev 'debug' is busy")]
    public void Errors_have_the_words_that_clients_know(string command, string arguments, string error) => Assert.That(Try(command, arguments), Is.EqualTo(error));

    [TestCase("chardev-add null,id=h", "")]
    [TestCase("chardev-add null,id=serial0", "Error: Chardev with id 'serial0' already exists")]
    [TestCase("chardev-add null", "Error: chardev: no id specified")]
    [TestCase("chardev-add nosuch,id=h", "Error: 'nosuch' is not a valid char driver name: expected null, stdio, file, pty, socket, ringbuf or memory")]
    [TestCase("chardev-add null,id=h,mux=on", "Error: mux=on is not supported here: expected a back end with one front end, or -chardev with mux=on")]
    [TestCase("chardev-add socket,id=h,fd=7", "Error: fd= is not supported here: expected path=, host=, or chardev-add in QMP after getfd")]
    [TestCase("chardev-add ringbuf,id=h,size=64", "")]
    [TestCase("chardev-remove zz", "Error: Chardev 'zz' not found")]
    [TestCase("chardev-remove debug", "Error: Chardev 'debug' is busy")]
    [TestCase("chardev-change serial0 null", "")]
    [TestCase("chardev-change serial0 null,id=q", "Error: Unexpected 'id' parameter")]
    [TestCase("chardev-change serial0 file", "Error: chardev: file: no filename given")]
    [TestCase("chardev-change zz null", "Error: Chardev 'zz' does not exist")]
    [TestCase("chardev-add", "chardev-add: string expected")]
    public async Task The_human_monitor_takes_what_the_option_takes(string line, string answer) =>
        Assert.That((await HumanAsync(line)).Split("\r\n")[0], Is.EqualTo(answer));

    [TestCase("chardev-add socket,id=h,path=DIR/s,server=on,wait=off")]
    [TestCase("chardev-add file,id=h,path=DIR/f,append=on,logfile=DIR/l,logappend=on")]
    [TestCase("chardev-add socket,id=h,host=127.0.0.1,port=0,to=9,ipv4=on,nodelay=on,server=on,wait=off")]
    [TestCase("chardev-add socket,id=h,path=DIR/none,reconnect-ms=60000")]
    [TestCase("chardev-add socket,id=h,path=abs.DIR,abstract=on,tight=off,server=on,wait=off")]
    [TestCase("chardev-add pty,id=h,path=DIR/link")]
    [TestCase("chardev-add memory,id=h,size=64")]
    public async Task All_that_the_option_says_reaches_the_back_end(string line)
    {
        line = line.Replace("abs.DIR", Path.GetRandomFileName(), StringComparison.Ordinal);
        Assert.That(await HumanAsync(Here(line)), Is.Empty);

        Assert.That($"chardev-add {_host.Ask(m => ChardevOptionText.Of(m.Chardevs.Configuration[^1]))["-chardev ".Length..]}", Is.EqualTo(Here(line)));
    }

    [Test]
    public void A_hostile_id_does_not_get_into_names_of_descriptors_or_sections()
    {
        foreach (string id in new[] { "", "a/b", "../x", "a\\nb", "\\u0000", new string('x', 101) })
        {
            Assert.That(
                Give("chardev-add", id, """{"type":"null","data":{}}"""), Does.StartWith("Failed to add chardev '").And.Contain("Parameter 'id' expects an identifier"));
        }
    }

    private string Here(string text) => text.Replace("DIR", _files.Path(""), StringComparison.Ordinal).Replace("//", "/", StringComparison.Ordinal);

    private string Give(string command, string id, string backend) => Try(command, $"{{\"id\":\"{id}\",\"backend\":{backend}}}");

    private string Try(string command, string arguments = "") => _host.Try(_handlers, command, arguments);

    private Task<string> HumanAsync(string line) => _host.HumanAsync(_handlers, line);
}
