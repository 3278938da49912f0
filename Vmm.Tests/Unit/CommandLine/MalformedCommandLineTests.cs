using Vmm.CommandLine;

namespace Vmm.Tests.Unit.CommandLine;

/// <summary>Whatever the arguments are, the answer is a configuration or one clear sentence.</summary>
public sealed class MalformedCommandLineTests
{
    private static readonly string[] Fragments =
    [
        "", ",", ",,", ",,,", "=", "=,", "a=", "=a", "no", "nowait", "id=", "id=a", "{", "{}", "{]", "[]", "{\"a\":{\"b\":[1,null]}}", "{\"a.b\":1}",
        "{\"qom-type\":{\"x\":1}}", "{\"driver\":[]}", "{\"driver\":\"\\ud800\"}", "{\"channel-type\":\"cpr\",\"addr\":1}", new string('{', 100), "{\"\ud800\":1}",
        "\0", "\ud800", "é,ü=ö", "-1", "0", "0x", "0xg", "0x10000000000000000", "1e9", "1.", ".5", "1..5G", "18446744073709551616", "16E", "0.99999999999999999E", "k", "Mb",
        "microvm,", "accel=", "kvm,", "host,", "host,=on", "host,a=b=c", "host,+,-", "4,cpus=", "4,sockets=4096,threads=4096", "cores=3,threads=2,maxcpus=7", "size=", "size=1G,",
        "memory-backend-memfd", "memory-backend-memfd,id=a,size=16E", "memory-backend-file,id=a,size=4k,mem-path=", "null,id", "socket,id=a,fd=-1", "socket,id=a,fd=4294967296",
        "socket,id=a,path=,server", "unix:", "unix:,", "unix:a,server=maybe", "unix:a,fd=3", "fd:", "fd:99999999999", "tcp:", "tcp:[", "tcp:[]:", "tcp::", "vsock::", "file:,offset=", "file:a,offset=-1",
        "exec:", "rdma:", "rdma:[:1", ":", "::", "mon:", "mon:mon:stdio", "chardev:", "pty:", "isa-serial,chardev=", "isa-serial,index=0x3,chardev=a", "isa-debug-exit,iobase=", "main", "cpr,addr",
        "null-co,node-name=n,size=", "raw,node-name=n,file=n", "raw,node-name=n,file.driver=raw,file.file=", "file,node-name=n,filename=\0", "file=,if=none", "file=:", "file=json:{}",
        "file=a,format=,id=", "file=a,driver=throttle,if=virtio", "throttle-group,id=g,limits.bps-total=-1", "throttle-group,id=g,x-iops-total-max-length=0", "iothread,id=t,poll-max-ns=-1",
        "secret,id=s,data=\ud800,format=base64", "node,memdev=", "{\"driver\":\"raw\",\"node-name\":\"n\",\"file\":{\"driver\":{}}}", "file=a,throttling.group=g", "file=a,bps=1,bps_rd=1",
        "cpr,addr.transport=exec,addr.args.1=x", "main,addr.transport=exec,addr.args.0=x", "driver=migration,property=,value=", "migration.x-events", "timestamp", "notimestamp", "none", "defer",
    ];

    private static IEnumerable<string> OptionNames => OptionTable.All.Select(o => o.Name);

    [TestCaseSource(nameof(OptionNames))]
    public void An_option_with_any_fragment_is_read_or_refused(string option)
    {
        foreach (var fragment in Fragments)
        {
            ReadOrRefuse([$"-{option}", fragment]);
            ReadOrRefuse(["-kernel", "k", $"--{option}", fragment, $"-{option}", fragment]);
            ReadOrRefuse(["-kernel", "k", $"-{option}", fragment + "," + fragment]);
        }
    }

    [Test]
    public void Random_lines_from_options_and_fragments_are_read_or_refused()
    {
        var random = new Random(20261123);
        var names = OptionNames.Select(n => "-" + n).ToArray();
        for (var line = 0; line < 20_000; line++)
        {
            ReadOrRefuse([.. Enumerable.Range(0, random.Next(8)).Select(i => i % 2 == 0
                ? names[random.Next(names.Length)]
                : Fragments[random.Next(Fragments.Length)] + (random.Next(3) == 0 ? (char)random.Next(1, 0x250) : ""))]);
        }
    }

    private static void ReadOrRefuse(string[] args)
    {
        try
        {
            Assert.That(CommandLineParser.Parse(args), Is.Not.Null);
        }
        catch (CommandLineException e)
        {
            Assert.That(e.Message, Is.Not.Empty);
        }
        catch (Exception e) when (e is not AssertionException)
        {
            Assert.Fail($"{string.Join(' ', args)}: {e}");
        }
    }
}
