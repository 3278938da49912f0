using System.Text;
using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Objects;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

/// <summary>-object iothread, throttle-group and secret, and -numa.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ObjectOptionTests
{
    [TestCase("-object iothread,id=t", 32768)]
    [TestCase("-object iothread,id=t,poll-max-ns=0,poll-grow=0,poll-shrink=0,aio-max-batch=0", 0)]
    [TestCase("""-object '{"qom-type":"iothread","id":"t","poll-max-ns":5000}'""", 5000)]
    public void An_iothread_is_read(string options, long poll) =>
        Assert.That(Machine(options).IoThreads, Is.EqualTo(new[] { new IoThreadConfiguration("t") { PollMaxNanoseconds = poll } }));

    [TestCase("-object throttle-group,id=g,x-bps-total=1000,x-bps-total-max=2000,x-bps-total-max-length=3,x-iops-read=5,x-iops-size=512")]
    [TestCase("""-object '{"qom-type":"throttle-group","id":"g","limits":{"bps-total":1000,"bps-total-max":2000,"bps-total-max-length":3,"iops-read":5,"iops-size":512}}'""")]
    public void A_throttle_group_is_read(string options) => Assert.That(
        Machine(options).ThrottleGroups,
        Is.EqualTo(new[]
        {
            new ThrottleGroupConfiguration("g") { TotalBytes = new ThrottleLimit(1000, 2000, 3), ReadRequests = new ThrottleLimit(5), RequestSize = 512 },
        }));

    [TestCase("data=a,,b", "a,b")]
    [TestCase("data=,format=raw", "")]
    [TestCase("data=c2VjcmV0,format=base64", "secret")]
    public void A_secret_is_read(string options, string expected)
    {
        var secret = Machine($"-object secret,id=s,{options}").Secrets.Single();

        Assert.That(Encoding.UTF8.GetString(secret.Content.Span), Is.EqualTo(expected));
        Assert.That(secret.ToString(), Is.EqualTo("secret s"), "it is not printed");
    }

    [Test]
    public void A_secret_may_stand_in_a_file()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [0, 255, 10]);
            var secret = Machine($"-object secret,id=s,file={path}").Secrets.Single();

            Assert.That(secret.Content.ToArray(), Is.EqualTo(new byte[] { 0, 255, 10 }));
            Assert.That(secret.Filename, Is.EqualTo(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [TestCase("-object memory-backend-memfd,id=m,size=64M -numa node,memdev=m")]
    [TestCase("-object memory-backend-memfd,id=m,size=64M -numa type=node,nodeid=0,cpus=0-3,memdev=m -smp 4")]
    [TestCase("-numa node,cpus=0,memdev=m -m 64 -object memory-backend-memfd,id=m,size=64M")]
    public void The_memory_of_the_only_numa_node_is_the_machines(string options)
    {
        var machine = Machine(options);

        Assert.That((machine.MemoryBackendId, machine.RamSize), Is.EqualTo(("m", 64UL << 20)));
    }

    [Test]
    public void Objects_are_in_the_tree_without_what_a_secret_holds()
    {
        var objects = UserObjects.Of(Machine("-object iothread,id=t -object throttle-group,id=g,x-iops-total=5 -object secret,id=s,data=hush -drive file=/a,id=d,bps=5"));

        Assert.That(objects.Select(node => $"{node.Name}:{node.Type}"), Is.EqualTo(new[] { "t:iothread", "g:throttle-group", "s:secret" }));
        Assert.That(objects[0].Properties, Contains.Item(new ObjectProperty("poll-max-ns", "int", 32768UL)));
        Assert.That(objects[1].Properties, Contains.Item(new ObjectProperty("x-iops-total", "int", 5UL)).And.Contains(new ObjectProperty("x-iops-total-max-length", "int", 1UL)));
        Assert.That(objects[2].Properties, Is.Empty);
    }

    [TestCase("-object iothread,id=t,poll-max-ns=-1", "Parameter 'poll-max-ns' expects a number from 0 to 9223372036854775807, not '-1'")]
    [TestCase("-object iothread,id=t,poll-grow=2", "poll-grow=2 is not supported: expected 0, the default")]
    [TestCase("-object iothread,id=t,aio-max-batch=2", "aio-max-batch=2 is not supported")]
    [TestCase("-object iothread,id=t,foo=2", "Invalid parameter 'foo'")]
    [TestCase("-object iothread,id=t -object secret,id=t,data=x", "Duplicate object ID 't'")]
    [TestCase("-object iothread,id=t -object throttle-group,id=t", "Duplicate object ID 't'")]
    [TestCase("-object throttle-group,id=g -object rng-builtin,id=g", "Duplicate object ID 'g'")]
    [TestCase("-object throttle-group,id=g,x-iops-total=5,x-iops-total-max-length=2", "burst length set without burst rate")]
    [TestCase("-object throttle-group,id=g,x-iops-total=5,x-iops-read=2", "bps/iops/max total values and read/write values cannot be used at the same time")]
    [TestCase("-object throttle-group,id=g,x-iops-total=5k", "Parameter 'x-iops-total' expects a number")]
    [TestCase("-object throttle-group,id=g,x-iops-foo=5", "Invalid parameter 'x-iops-foo'")]
    [TestCase("-object secret,id=s", "Either 'file' or 'data' must be provided")]
    [TestCase("-object secret,id=s,data=a,file=b", "'file' and 'data' are mutually exclusive")]
    [TestCase("-object secret,id=s,file=/nonexistent", "Unable to read /nonexistent: ")]
    [TestCase("-object secret,id=s,file=/dev/zero", "Unable to read /dev/zero: a regular file of at most 65536 bytes was expected, it is a character device")]
    [TestCase("-object secret,id=s,data=a,format=bogus", "Parameter 'format' does not accept value 'bogus': expected one of raw, base64")]
    [TestCase("-object secret,id=s,data=a==,format=base64", "the secret is not in base64")]
    [TestCase("-object secret,id=s,data=a,keyid=k", "keyid= is not supported: expected a secret that is not encrypted")]
    [TestCase("-kernel k -numa node,memdev=m", "Memory backend 'm' not found")]
    [TestCase("-kernel k -object memory-backend-ram,id=m,size=64M -numa node,memdev=m -m 128", "must match size")]
    [TestCase("-kernel k -object memory-backend-ram,id=m,size=64M -numa node,memdev=m -machine memory-backend=m", "'-machine memory-backend' and '-numa memdev' properties are mutually exclusive")]
    [TestCase("-kernel k -object memory-backend-ram,id=m,size=64M -numa node,memdev=m,cpus=0-1", "-numa: CPU index (1) should be smaller than maxcpus (1)")]
    [TestCase("-numa node,memdev=m -numa node,memdev=m", "Duplicate NUMA nodeid: 0")]
    [TestCase("-numa node", "Parameter 'memdev' is missing")]
    [TestCase("-numa node,memdev=m,nodeid=1", "numa: Node ID missing: 0")]
    [TestCase("-numa node,mem=64M", "Parameter -numa node,mem is not supported by this machine type: Use -numa node,memdev instead")]
    [TestCase("-numa node,memdev=m,cpus=3-1", "Parameter 'cpus' expects a CPU's number, or a range such as 0-3, not '3-1'")]
    [TestCase("-numa node,memdev=m,foo=1", "Invalid parameter 'foo'")]
    [TestCase("-numa dist,src=0,dst=1,val=20", "-numa dist is not supported: the machine has one node")]
    [TestCase("-numa foo,memdev=m", "Parameter 'type' does not accept value 'foo'")]
    public void A_wrong_object_or_node_is_refused(string options, string expected) => Assert.That(Refusal(options), Does.Contain(expected));
}
