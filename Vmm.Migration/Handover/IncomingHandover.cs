// The new process's half of a handover: a guest in waiting.
//
// Everything that takes time happens while the guest still runs in the old process: comparing the plan, building the
// machine from the descriptors that came with it, touching RAM. What is left for the pause is to read the state, load
// it, take the baton and let go of the vCPUs.
//
// Until the take this process owns nothing and touches nothing that is not its own. With a complete and verified state it
// takes, whatever the old process or the channels are doing; with less it never does. Losing the race for the baton
// means that the old process has the guest, and then this one drops what it built.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Memory;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Handover;

/// <summary>One client's attempt to hand its guest to this process. Machine loop only.</summary>
internal sealed class IncomingHandover : IDisposable
{
    private readonly Machine _machine;
    private readonly MigrationParameters _parameters;
    private readonly MessageChannel _channel;
    private readonly TaskCompletionSource<LoopSocket> _main = new();
    private readonly List<SafeFileHandle> _received = [];
    private readonly DescriptorBag _bag = new();
    private Baton? _baton;
    private Board? _board;
    private Task<Message>? _word;
    private PauseInstants _instants;
    private ulong _planned;
    private bool _finished;

    internal IncomingHandover(Machine machine, MigrationParameters parameters, SafeFileHandle connection)
    {
        _machine = machine;
        _parameters = parameters;
        _channel = new MessageChannel(machine.Loop, connection);
        Boundary.Passed(HandoverStep.NewAccepted);
    }

    /// <summary>Asked when the plan is here: whether this client may go on, or another was first.</summary>
    internal required Func<bool> TryClaim { get; init; }

    /// <summary>Asked when the machine is built: completes when the main channel is open.</summary>
    internal required Func<Task> WaitForListening { get; init; }

    /// <summary>Accepts at once whoever has connected to the main channel's socket.</summary>
    internal required Action AcceptPending { get; init; }

    /// <summary>Called when the guest runs here, before the rest of the process is told.</summary>
    internal Action? OnOwned { get; set; }

    /// <summary>Whether the old process has opened the main channel.</summary>
    internal bool IsMainConnected => _main.Task.IsCompletedSuccessfully;

    /// <summary>Why the client was turned away.</summary>
    internal string? Refusal { get; private set; }

    /// <summary>Why the old process could not be told something; null when it was told everything.</summary>
    internal string? Unheard { get; private set; }

    /// <summary>The account, as far as this side knows it.</summary>
    internal HandoverTimes Times { get; } = new();

    /// <summary>The peer, for texts.</summary>
    internal string PeerName => _channel.PeerName;

    /// <summary>Greets the client and receives its plan.</summary>
    /// <returns>False when the client was none that counts: its fate is no failure of the update.</returns>
    internal async Task<Plan?> MeetAsync()
    {
        try
        {
            Credentials.Check(_channel);
            var greeted = Deadline.In(_parameters.CprConnectTimeout, PeerName, "did not greet");
            Greeting.Settle(await ReceiveAsync(greeted), PeerName);
            await _channel.SendAsync(MessageType.Hello, Greeting.Hello(), greeted);
            var planned = Deadline.In(_parameters.CprPlanTimeout, PeerName, "did not send its plan");
            var plan = await ReceivePlanAsync(planned);
            Boundary.Passed(HandoverStep.NewPlanReceived);
            return TryClaim() ? plan : throw new HandoverException("another process is handing its guest over already");
        }
        catch (Exception e) when (e is HandoverException or StateException or ObjectDisposedException or IOException)
        {
            Refusal = e.Message;
            await TellAsync(MessageType.Refused, [e.Message]);
            return null;
        }
    }

    /// <summary>Builds the machine, waits for the state, takes the guest.</summary>
    /// <exception cref="HandoverException">The guest was not taken; what was built is gone.</exception>
    internal async Task RunAsync(Plan plan)
    {
        _planned = HandoverTimes.Now;
        var board = await BuildAsync(plan);
        await GetReadyAsync(plan, board);
        var state = await ReceiveStateAsync(plan.Attempt);
        ulong received = HandoverTimes.Now;
        _instants = PauseInstants.Read(state[^PauseInstants.Size..]);
        try
        {
            VmStateReader.Read(
                new StateReader(state[..^PauseInstants.Size]), _machine.Configuration.MachineType, RamTable.Of(board), board.Sections);
            Boundary.Passed(HandoverStep.NewLoaded);
            await board.ApplyStateAsync();
            Boundary.Passed(HandoverStep.NewApplied);
        }
        catch (Exception e)
        {
            await TellAsync(MessageType.Failed, [e.Message]);
            throw new HandoverException($"load of migration failed: {e.Message}", e);
        }

        ulong applied = HandoverTimes.Now;
        if (!_baton!.Take())
        {
            throw new HandoverException($"{PeerName} kept the guest: it gave this attempt up before it was taken");
        }

        ulong taken = HandoverTimes.Now;
        _finished = true;
        Boundary.Passed(HandoverStep.NewTaken);
        ulong running = 0;
        _machine.Own(board, _bag, released: () =>
        {
            running = HandoverTimes.Now;
            OnOwned?.Invoke();
        });
        Boundary.Passed(HandoverStep.NewRunning);
        await SayTakenAsync(received, applied, taken, running);
    }

    /// <summary>Hands over a connection that was accepted on the main channel's socket.</summary>
    internal bool TryOfferMain(SafeFileHandle connection)
    {
        if (_board is null || _main.Task.IsCompleted || !Credentials.Permit(Posix.PeerOf(connection).UserId))
        {
            return false;
        }

        _main.SetResult(new LoopSocket(_machine.Loop, connection));
        return true;
    }

    /// <summary>Closes everything that is not part of a running guest.</summary>
    public void Dispose()
    {
        _channel.Dispose();
        _received.ForEach(d => d.Dispose());
        if (_main.Task.IsCompletedSuccessfully)
        {
            _main.Task.Result.Dispose();
        }

        _bag.Dispose();
        _baton?.Dispose();
        if (!_finished)
        {
            // The names behind its back ends are the old process's.
            _board?.Release();
        }
    }

    private async Task<Plan> ReceivePlanAsync(Deadline deadline)
    {
        while (true)
        {
            deadline.ThrowIfMissed();
            var message = await ReceiveAsync(deadline);
            switch (message.Type)
            {
                case MessageType.Descriptors:
                    FileDescriptors(message);
                    break;
                case MessageType.Plan:
                    return PlanCodec.Read(message.Reader());
                default:
                    throw new HandoverException($"{PeerName} sent message {(ushort)message.Type} where its plan was expected");
            }
        }
    }

    /// <summary>Puts the descriptors that came with a message into the bag, under the names that it gives.</summary>
    private void FileDescriptors(Message message)
    {
        var reader = message.Reader();
        var names = PlanCodec.ReadList(reader, reader.ReadText);
        if (names.Count != _received.Count)
        {
            throw new HandoverException($"{PeerName} named {names.Count} descriptors and sent {_received.Count}");
        }

        var handles = _received.ToArray();
        _received.Clear();
        for (int i = 0; i < handles.Length; i++)
        {
            if (!_bag.TryAdd(names[i], handles[i]))
            {
                _received.AddRange(handles.AsSpan(i + 1));
                throw new HandoverException($"{PeerName} sent descriptor '{names[i]}' twice");
            }
        }
    }

    private async Task<Board> BuildAsync(Plan plan)
    {
        var reasons = new List<string>(PlanComparison.Differences(plan.Facts, _machine.Facts));
        if (reasons.Count == 0)
        {
            Boundary.Passed(HandoverStep.NewPlanAccepted);
            try
            {
                _baton = Baton.Open(_bag.Claim(DescriptorNames.Baton) ?? throw new HandoverException("no baton came with the plan"), plan.Attempt);
                _board = _machine.BuildIncoming(plan.Promises, name => ClaimRam(plan, name), _bag);
                reasons.AddRange(PlanComparison.Differences(plan.Layouts, _board.LayoutFacts));
                reasons.AddRange(Place(plan, _board));
            }
            catch (Exception e)
            {
                // Whatever a hostile descriptor provokes: nothing has happened yet, and the old process learns why.
                reasons.Add(e.Message);
            }
        }

        if (reasons.Count > 0 || _board is null)
        {
            await TellAsync(MessageType.Refused, reasons);
            throw new HandoverException($"the plan of {PeerName} cannot be met: {string.Join("; ", reasons)}");
        }

        Boundary.Passed(HandoverStep.NewBuilt);
        return _board;
    }

    private ReceivedRam ClaimRam(Plan plan, string block)
    {
        var planned = plan.Ram.FirstOrDefault(r => r.Name == block)
            ?? throw new HandoverException($"the old process has no RAM block '{block}'");
        var file = _bag.Claim(DescriptorNames.Ram(block))
            ?? throw new HandoverException($"no descriptor came for RAM block '{block}'");
        return new ReceivedRam(file, planned.Identity);
    }

    private static IEnumerable<string> Place(Plan plan, Board board)
    {
        foreach (var cpu in board.Vm.Cpus)
        {
            if (cpu.Index < plan.Placement.Count && plan.Placement[cpu.Index].TryApply(cpu.ThreadId) is { } problem)
            {
                yield return $"vCPU {cpu.Index}: its placement could not be applied: {problem}";
            }
        }
    }

    private async Task GetReadyAsync(Plan plan, Board board)
    {
        ulong begin = HandoverTimes.Now;
        Times.Prepare = HandoverTimes.Between(_planned, begin);
        var budget = TimeSpan.FromMilliseconds(plan.PrefaultBudget);
        await Task.Run(() => board.PrefaultRam(budget));
        Times.Prefault = HandoverTimes.Between(begin, HandoverTimes.Now);
        Times.Prepare += Times.Prefault;

        var body = new StateWriter(16);
        body.WriteUInt64(Times.Prefault);
        await _channel.SendAsync(MessageType.Ready, body, Soon());
        Boundary.Passed(HandoverStep.NewReady);
        await OrPeerGoneAsync(WaitForListening());
        await _channel.SendAsync(MessageType.Listening, new StateWriter(16), Soon());
    }

    private Deadline Soon() => Deadline.In(_parameters.CprConnectTimeout, PeerName, "did not take an answer");

    private async Task<ReadOnlyMemory<byte>> ReceiveStateAsync(ulong attempt)
    {
        var main = await MainAsync();
        Boundary.Passed(HandoverStep.NewMainAccepted);
        var frame = new byte[StateFrame.Size];
        await FillAsync(main, frame);
        var state = new byte[StateFrame.ReadHead(frame, attempt)];
        await FillAsync(main, state);
        await FillAsync(main, frame);
        StateFrame.VerifyEnd(frame, attempt, state);
        Boundary.Passed(HandoverStep.NewStateVerified);
        return state;
    }

    /// <summary>
    /// Waits for the main channel. An old process that died may have sent everything before: whoever connected is looked at first, because
    /// a whole state is taken whatever became of its sender.
    /// </summary>
    private async Task<LoopSocket> MainAsync()
    {
        try
        {
            return await OrPeerGoneAsync(_main.Task);
        }
        catch (HandoverException)
        {
            AcceptPending();
            if (!IsMainConnected)
            {
                throw;
            }

            return await _main.Task;
        }
    }

    private async Task FillAsync(LoopSocket main, Memory<byte> buffer)
    {
        var unwanted = new List<SafeFileHandle>();
        try
        {
            while (!buffer.IsEmpty)
            {
                int got = await main.ReceiveAsync(buffer, unwanted, Deadline.Never);
                if (got == 0)
                {
                    throw new PeerGoneException($"{PeerName} closed the main channel before the state was complete");
                }

                buffer = buffer[got..];
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw new HandoverException($"the main channel to {PeerName} broke: {e.Message}", e);
        }
        finally
        {
            unwanted.ForEach(d => d.Dispose());
        }
    }

    /// <summary>Waits for something that only comes while the old process lives; its end is noticed on the cpr channel.</summary>
    private async Task<T> OrPeerGoneAsync<T>(Task<T> awaited)
    {
        await OrPeerGoneAsync((Task)awaited);
        return await awaited;
    }

    private async Task OrPeerGoneAsync(Task awaited)
    {
        _word ??= ReceiveAsync(Deadline.Never);
        if (await Task.WhenAny(awaited, _word) == awaited)
        {
            await awaited;
            return;
        }

        var message = await _word;
        throw new HandoverException(message.Type == MessageType.Abandoned
            ? $"{PeerName} gave the attempt up"
            : $"{PeerName} sent message {(ushort)message.Type} where none was expected");
    }

    private async Task SayTakenAsync(ulong received, ulong applied, ulong taken, ulong running)
    {
        var body = new StateWriter(64);
        body.WriteUInt64(received);
        body.WriteUInt64(applied);
        body.WriteUInt64(taken);
        body.WriteUInt64(running);
        PlanCodec.WriteList(body, _bag.Names, body.WriteText);
        Times.Account(_instants, received, applied, taken, running);
        try
        {
            await _channel.SendAsync(MessageType.Taken, body, Deadline.In(_parameters.CprConnectTimeout, PeerName, "did not take the news"));
            Boundary.Passed(HandoverStep.NewTakenSent);
        }
        catch (Exception e) when (e is HandoverException or ObjectDisposedException)
        {
            // The guest is ours whether or not the old process hears of it: it will look at the baton.
            Unheard = e.Message;
        }
    }

    private async Task TellAsync(MessageType type, IReadOnlyCollection<string> reasons)
    {
        var body = new StateWriter(1024);
        PlanCodec.WriteList(body, reasons, body.WriteText);
        try
        {
            await _channel.SendAsync(type, body, Soon());
        }
        catch (Exception e) when (e is HandoverException or ObjectDisposedException)
        {
            // A peer that hears nothing learns as much from the closed channel.
            Unheard = e.Message;
        }
    }

    private async Task<Message> ReceiveAsync(Deadline deadline) => await _channel.ReceiveAsync(_received, deadline);
}
