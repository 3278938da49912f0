using Vmm.Migration.Channels;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

public sealed class IncomingOptionTests
{
    private const string CprKeys = "cpr,addr.transport=socket,addr.type=unix,addr.path=/cpr";

    private static readonly object[][] Forms =
    [
        ["-incoming defer", null!, null!],
        ["-incoming unix:/vm", new UnixAddress("/vm"), null!],
        ["-incoming unix:/vm -cpr-uri unix:/cpr", new UnixAddress("/vm"), new UnixAddress("/cpr")],
        ["-cpr-uri unix:/cpr -incoming defer", null!, new UnixAddress("/cpr")],
        [$"-incoming unix:/vm -incoming {CprKeys}", new UnixAddress("/vm"), new UnixAddress("/cpr")],
        [$"-incoming {CprKeys} -incoming defer", null!, new UnixAddress("/cpr")],
        ["-incoming main,addr.transport=socket,addr.type=unix,addr.path=/a,,b", new UnixAddress("/a,b"), null!],
        ["""-incoming '{"channel-type":"main","addr":{"transport":"socket","type":"unix","path":"/vm"}}'""", new UnixAddress("/vm"), null!],
        ["""-incoming defer -incoming '{"channel-type":"cpr","addr":{"transport":"socket","type":"fd","str":"7"}}'""", null!, new DescriptorAddress("7")],
        ["-incoming defer -incoming cpr,addr.transport=socket,addr.type=fd,addr.str=7", null!, new DescriptorAddress("7")],
        ["-incoming tcp:[::]:49300", new InetAddress("::", "49300"), null!],
        ["-incoming main,addr.transport=socket,addr.type=inet,addr.host=h,addr.port=1", new InetAddress("h", "1"), null!],
        ["-incoming main,addr.transport=socket,addr.type=vsock,addr.cid=2,addr.port=1", new VsockAddress("2", "1"), null!],
        ["-incoming main,addr.transport=file,addr.filename=/f,addr.offset=4096", new FileAddress("/f", 4096), null!],
        ["-incoming main,addr.transport=rdma,addr.host=h,addr.port=1", new RdmaAddress("h", "1"), null!],
        ["""-incoming '{"channel-type":"main","addr":{"transport":"exec","args":["/bin/cat","/f"]}}'""", new ExecAddress(["/bin/cat", "/f"]), null!],
        ["-incoming fd:5", new DescriptorAddress("5"), null!],
        [$"-incoming unix:/old -cpr-uri unix:/old -incoming unix:/new -incoming {CprKeys}", new UnixAddress("/new"), new UnixAddress("/cpr")],
    ];

    [TestCaseSource(nameof(Forms))]
    public void Incoming_forms(string options, ChannelAddress? main, ChannelAddress? cpr)
    {
        var incoming = Parse(options).Incoming!;

        Assert.That((incoming.Main, incoming.Cpr), Is.EqualTo((main, cpr)));
    }

    [TestCase("unix:/run/vm.sock")]
    [TestCase("unix:vm,a=b")]
    [TestCase("fd:migrate")]
    [TestCase("tcp:host:4444")]
    [TestCase("tcp:[::1]:4444")]
    [TestCase("tcp::4444")]
    [TestCase("vsock:3:1234")]
    [TestCase("file:/state")]
    [TestCase("file:/state,offset=0x1000")]
    [TestCase("exec:cat >/f")]
    [TestCase("rdma:host:4444")]
    public void A_uri_says_again_what_it_was_read_from(string uri) =>
        Assert.That(ChannelAddress.ParseUri(uri).ToString(), Is.EqualTo(uri));

    [Test]
    public void A_file_offset_may_have_a_suffix() =>
        Assert.That(ChannelAddress.ParseUri("file:/f,offset=1M"), Is.EqualTo(new FileAddress("/f", 1 << 20)));

    [TestCase("vm.sock", "unknown migration protocol: vm.sock")]
    [TestCase("smoke:signal", "unknown migration protocol: smoke:signal")]
    [TestCase("", "unknown migration protocol: ")]
    [TestCase("unix:", "invalid Unix socket address")]
    [TestCase("fd:", "invalid file descriptor address")]
    [TestCase("tcp:host", "error parsing address 'host'")]
    [TestCase("tcp:::1:5", "error parsing address '::1:5'")]
    [TestCase("tcp:host:1,ipv4=on", "options after HOST:PORT are not supported")]
    [TestCase("vsock:x:1", "error parsing vsock address 'x:1'")]
    [TestCase("file:", "file: needs a path")]
    [TestCase("file:/f,offset=x", "file URI has bad offset x")]
    [TestCase("exec:", "exec: needs a command")]
    [TestCase("rdma:h", "error parsing rdma address 'h'")]
    public void A_uri_that_names_nothing_is_refused(string uri, string expected) =>
        Assert.That(() => ChannelAddress.ParseUri(uri), Throws.TypeOf<ChannelAddressException>().With.Message.Contains(expected));

    [TestCase("-incoming unix:/a -cpr-uri tcp:h:1", "bad cpr-uri tcp:h:1; must be unix:")]
    [TestCase("-incoming unix:/a -cpr-uri cpr.sock", "unknown migration protocol: cpr.sock")]
    [TestCase("-incoming smoke:signal", "unknown migration protocol: smoke:signal")]
    [TestCase("-incoming nonsense", "Parameter 'channel-type' does not accept value 'nonsense'")]
    [TestCase("-kernel k -cpr-uri unix:/cpr", "a cpr address needs -incoming")]
    [TestCase("-incoming fd:name", "'name' is no inherited descriptor")]
    [TestCase("-incoming cpr", "Parameter 'addr.transport' is missing")]
    [TestCase("-incoming cpr,addr.transport=socket", "Parameter 'addr.type' is missing")]
    [TestCase("-incoming cpr,addr.transport=socket,addr.type=unix", "Parameter 'addr.path' is missing")]
    [TestCase("-incoming cpr,addr.transport=pigeon", "Parameter 'transport' does not accept value 'pigeon'")]
    [TestCase("-incoming cpr,addr.transport=socket,addr.type=pigeon", "Parameter 'type' does not accept value 'pigeon'")]
    [TestCase("-incoming cpr,addr.transport=socket,addr.type=inet,addr.host=h,addr.port=1", "bad cpr channel socket type; must be unix")]
    [TestCase("-incoming cpr,addr.transport=file,addr.filename=/f", "bad cpr channel address; must be unix")]
    [TestCase("-incoming cpr,addr.transport=socket,addr.type=fd,addr.str=x", "'x' is no inherited descriptor")]
    [TestCase("-incoming main,addr.transport=exec", "Parameter 'addr.args' is missing")]
    [TestCase("-incoming " + CprKeys + ",speed=9", "Invalid parameter 'speed'")]
    [TestCase("-incoming {", "JSON parse error")]
    public void A_wrong_incoming_is_refused(string options, string expected) => Assert.That(Refusal(options), Does.Contain(expected));
}
