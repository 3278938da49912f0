using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>Records of sessions that no program has written so, or that another program is to continue.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class DamagedSessionRecordTests : IDisposable
{
    private readonly MonitorProgram _old = new();
    private readonly List<IDisposable> _clients = [];

    public void Dispose()
    {
        _clients.ForEach(client => client.Dispose());
        _old.Dispose();
    }

    [Test]
    public async Task A_record_that_is_cut_off_anywhere_is_refused_and_nothing_is_taken()
    {
        var (record, descriptors) = await RecordAsync();
        using var next = _old.Next();
        for (int length = 0; length < record.Length; length++)
        {
            using var handedOver = MonitorProgram.Copies(descriptors);

            Assert.That(() => next.Do(() => next.Crossing.Restore(new StateReader(record.AsMemory(0, length)), handedOver)), Throws.InvalidOperationException.With.InnerException.TypeOf<StateException>(), $"{length} bytes");
            Assert.That(handedOver.Names, Has.Count.EqualTo(descriptors.Count));
        }

        next.Serve();
    }

    [Test]
    public async Task A_record_with_a_byte_that_is_another_leaves_no_descriptor_open()
    {
        var (record, descriptors) = await RecordAsync();
        var (read, write) = Pipe();
        using var reader = read;
        descriptors = [.. descriptors.Select(descriptor => DescriptorKind.ConnectedSocket((SafeFileHandle)descriptor.Handle) is null ? descriptor : descriptor with { Handle = write })];
        int refused = 0;
        for (int place = 0; place < record.Length; place++)
        {
            byte[] damaged = [.. record];
            damaged[place] ^= (byte)(1 << (place % 8));
            using var next = _old.Next();
            try
            {
                next.Take(damaged, descriptors);
            }
            catch (InvalidOperationException e) when (e.InnerException is StateException)
            {
                refused++;
            }

            next.Serve();
        }

        write.Dispose();
        Assert.That(FileDescriptor.WaitFor(reader, FdEvents.In) & FdEvents.HangUp, Is.EqualTo(FdEvents.HangUp), "no program has kept a copy");
        Assert.That(refused, Is.InRange(record.Length / 4, record.Length - 1));
    }

    [Test]
    public async Task Sessions_of_monitors_that_are_gone_end_and_the_others_go_on()
    {
        using var gone = _old.Negotiate("other");
        using var stays = _old.Negotiate();
        await _old.HoldAsync();
        var (record, descriptors) = _old.Save();
        var log = new Vmm.Tests.Unit.Machines.LogLines();
        using var next = _old.Next(log, "other");
        next.Take(record, descriptors);
        _old.Vanish();
        next.Serve();
        next.Do(next.Crossing.Resume);

        Assert.That(gone.ReadToEnd(), Is.Empty);
        Assert.That(stays.Ask("{\"execute\":\"note\"}"), Is.EqualTo("{\"return\":{}}"));
        Assert.That(log.Lines, Has.One.Contains("the client of monitor 'other' is disconnected"));
    }

    [Test]
    public async Task A_record_of_a_later_program_is_refused()
    {
        var (record, descriptors) = await RecordAsync();
        record[3]++;
        using var next = _old.Next();

        Assert.That(() => next.Take(record, descriptors), Throws.InvalidOperationException.With.Message.Contains("has version 2; this program reads versions up to 1"));
        next.Serve();
    }

    [Test]
    public async Task A_session_without_its_socket_is_refused()
    {
        var (record, descriptors) = await RecordAsync();
        using var next = _old.Next();

        Assert.That(
            () => next.Take(record, descriptors.Skip(1)),
            Throws.InvalidOperationException.With.Message.EqualTo("the session of monitor 'qmp' cannot continue: descriptor 'session/qmp' is missing"));
        next.Serve();
    }

    /// <summary>Sessions with all that they can have.</summary>
    private async Task<(byte[] Record, IReadOnlyList<HandoverDescriptor> Descriptors)> RecordAsync()
    {
        var client = _old.Negotiate(oob: true);
        var human = _old.ConnectHuman();
        _clients.AddRange([client, human]);
        using var file = Memfd.Create("test", 1);
        client.SendWith("{\"execute\":\"getfd\"}", file);
        client.ReadText();
        await _old.BeginAsync(client, "{\"execute\":\"wait\"}");
        human.Send("migrate x\nstop\nhal");
        await _old.SettleAsync();
        var holding = _old.HoldAsync();
        client.SendWith("{\"execute\":\"note\",\"id\":[1]}{\"execute\":\"note\",\"arguments\":{\"a\":1}}[]{\"execute\":{\"a\":\"hal", file);
        await _old.SettleAsync();
        _old.Released.SetResult();
        await holding;
        return _old.Save();
    }

    private static (SafeFileHandle Read, SafeFileHandle Write) Pipe()
    {
        using var server = new AnonymousPipeServerStream(PipeDirection.In);
        return (FileDescriptor.Duplicate(server.SafePipeHandle), FileDescriptor.Duplicate(server.ClientSafePipeHandle));
    }
}
