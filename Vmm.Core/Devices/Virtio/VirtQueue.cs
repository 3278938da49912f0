// A split virtqueue, seen from the device: three rings in guest RAM.
//
//     available ring: the driver puts heads of descriptor chains in     device: Take  ------.
//     descriptor table: the chains                                                          | serve
//     used ring:      the device gives them back                        device: Push, Publish <'
//
// Each side says when it wants to be notified by the other: by a flag, or, with EVENT_IDX, by the index at which. Both sides publish first and
// check the other's request afterwards, with a full barrier between; otherwise each could miss what the other just wrote, and both would wait.
// Nothing in the rings is trusted. A ring that breaks the rules is an outcome of Take, not an exception, and the queue then does nothing more.
// Source: virtio 1.2, section 2.7.

using Vmm.Core.Buses;
using Vmm.Core.Memory;

namespace Vmm.Core.Devices.Virtio;

/// <summary>A split virtqueue. While it is started: the thread that serves it only.</summary>
public sealed class VirtQueue
{
    /// <summary>The largest size of a queue.</summary>
    public const ushort GreatestSize = 1024;

    private const ushort NoInterrupt = 1; // of the available ring's flags
    private const ushort NoNotify = 1; // of the used ring's flags
    private const uint FlagsOffset = 0;
    private const uint IndexOffset = 2;
    private const uint RingOffset = 4;
    private const uint UsedElementLength = 8;

    private readonly IGuestMemory _memory;
    private readonly DescriptorTable _descriptors;
    private RingMemory _available;
    private RingMemory _used;
    private ushort _published;
    private ushort _signalled;
    private bool _wasSignalled;
    private bool _usesEventIndex;
    private bool _isOpen;
    private ushort _taken;

    /// <summary>Creates a queue without rings.</summary>
    /// <param name="index">Which of its device's queues it is.</param>
    /// <param name="maximum">Its largest size, a power of two up to <see cref="GreatestSize"/>.</param>
    /// <param name="state">Where the driver's set-up and the progress are.</param>
    /// <param name="memory">Guest RAM.</param>
    public VirtQueue(int index, ushort maximum, VirtQueueState state, IGuestMemory memory)
    {
        Index = index;
        Maximum = VirtioState.IsSize(maximum, GreatestSize)
            ? maximum
            : throw new ArgumentOutOfRangeException(nameof(maximum), maximum, $"a power of two up to {GreatestSize} is expected");
        State = state;
        _memory = memory;
        _descriptors = new DescriptorTable(memory, maximum);
    }

    /// <summary>Which of its device's queues it is.</summary>
    public int Index { get; }

    /// <summary>Its largest size.</summary>
    public ushort Maximum { get; }

    /// <summary>How many descriptors of this queue were read so far.</summary>
    public long DescriptorsRead => _descriptors.DescriptorsRead;

    /// <summary>Reads a few bytes of guest RAM, of a request's header say. False if they are not RAM, or the host cannot provide them.</summary>
    public bool TryRead(ulong address, Span<byte> buffer) => _descriptors.Present.TryRead(address, buffer);

    /// <summary>Writes a few bytes of guest RAM, a request's status say. False if they are not RAM, or the host cannot provide them.</summary>
    public bool TryWrite(ulong address, ReadOnlySpan<byte> bytes) => _descriptors.Present.TryWrite(address, bytes);

    /// <summary>How many chains were taken and not given back.</summary>
    public ushort InFlight => (ushort)(State.NextAvailable - State.NextUsed);

    /// <summary>How far the driver has made chains available: more than were taken if one waits.</summary>
    public ushort AvailableIndex => _available.ReadUInt16(IndexOffset);

    /// <summary>Whether a chain waits to be taken.</summary>
    public bool HasWaiting => AvailableIndex != State.NextAvailable;

    /// <summary>Whether chains were pushed that the driver does not see yet.</summary>
    public bool HasUnpublished => State.NextUsed != _published;

    internal VirtQueueState State { get; }

    /// <summary>The driver's set-up ends, or another's is loaded: the next start finds the rings anew.</summary>
    /// <param name="taken">How many chains the device holds that were taken and not given back.</param>
    internal void Close(ushort taken = 0) => (_isOpen, _taken) = (false, taken);

    /// <summary>Finds the rings and makes them present, unless that was done and nothing has changed: then chains may be on their way back.</summary>
    /// <param name="features">What driver and device have agreed on.</param>
    /// <returns>False if a ring is not RAM or not aligned, or if more or fewer chains are in flight than the device has taken.</returns>
    internal bool TryStart(ulong features)
    {
        if (!_isOpen)
        {
            _isOpen = TryOpen(features);
        }

        return _isOpen;
    }

    /// <summary>Takes the next chain that the driver has made available.</summary>
    /// <param name="chain">Filled, if there is one.</param>
    public ChainOutcome Take(DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        ushort waiting = (ushort)(AvailableIndex - State.NextAvailable);
        if (waiting == 0)
        {
            return ChainOutcome.None;
        }

        // A driver has as many chains available or in flight as there are descriptors at most.
        if (waiting + InFlight > State.Size)
        {
            return ChainOutcome.Broken;
        }

        ushort head = _available.ReadUInt16(RingOffset + ((uint)(State.NextAvailable & (State.Size - 1)) * sizeof(ushort)));
        if (!_descriptors.TryRead(head, chain))
        {
            return ChainOutcome.Broken;
        }

        State.NextAvailable++;
        _taken++;
        return ChainOutcome.Taken;
    }

    /// <summary>Reads a chain that was taken before and is held.</summary>
    /// <returns>False if the driver may not have written it.</returns>
    public bool TryReadAgain(ushort head, DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        return _descriptors.TryRead(head, chain);
    }

    /// <summary>Leaves the chain that was taken last to be taken again: it cannot be served yet. Nothing else was taken or pushed since.</summary>
    public void PutBack()
    {
        State.NextAvailable--;
        _taken--;
    }

    /// <summary>Gives a chain back. The driver sees it after <see cref="Publish"/>.</summary>
    /// <param name="head">The chain's head.</param>
    /// <param name="written">How many bytes of its writable buffers were written, from the first on.</param>
    public void Push(ushort head, uint written)
    {
        uint at = RingOffset + ((uint)(State.NextUsed & (State.Size - 1)) * UsedElementLength);
        _used.WriteUInt32(at, head);
        _used.WriteUInt32(at + sizeof(uint), written);
        State.NextUsed++;
        _taken--;
    }

    /// <summary>Lets the driver see all that was pushed.</summary>
    /// <returns>Whether it is to be interrupted for it.</returns>
    public bool Publish()
    {
        ushort next = State.NextUsed;
        if (next == _published)
        {
            return false;
        }

        _published = next;
        _used.WriteUInt16(IndexOffset, next);
        Interlocked.MemoryBarrier();
        if (!_usesEventIndex)
        {
            return (_available.ReadUInt16(FlagsOffset) & NoInterrupt) == 0;
        }

        ushort wanted = _available.ReadUInt16(RingOffset + ((uint)State.Size * sizeof(ushort)));
        bool interrupts = !_wasSignalled || (ushort)(next - wanted - 1) < (ushort)(next - _signalled);
        (_signalled, _wasSignalled) = (next, true);
        return interrupts;
    }

    /// <summary>Asks the driver not to notify: the queue is being served. It may do so all the same.</summary>
    public void SuppressKicks()
    {
        if (!_usesEventIndex)
        {
            _used.WriteUInt16(FlagsOffset, NoNotify);
        }
    }

    /// <summary>Asks the driver to notify when it makes the next chain available.</summary>
    /// <returns>Whether it has done so already; then no notification may come for it.</returns>
    public bool RequestKicks() => RequestKicksBeyond(State.NextAvailable);

    /// <summary>Asks the driver to notify when it makes a further chain available: those that wait are too few.</summary>
    /// <param name="seen">How far it had made them available when they were found to be too few.</param>
    /// <returns>Whether it has done so already; then no notification may come for it.</returns>
    public bool RequestKicksBeyond(ushort seen)
    {
        if (_usesEventIndex)
        {
            _used.WriteUInt16(RingOffset + ((uint)State.Size * UsedElementLength), seen);
        }
        else
        {
            _used.WriteUInt16(FlagsOffset, 0);
        }

        Interlocked.MemoryBarrier();
        return AvailableIndex != seen;
    }

    private bool TryOpen(ulong features)
    {
        _usesEventIndex = (features & VirtioFeatures.EventIndex) != 0;
        (_published, _wasSignalled) = (State.NextUsed, false);
        uint size = State.Size;
        return InFlight == _taken
            && VirtioState.IsSize(size, Maximum)
            && _descriptors.TryOpen(State.DescriptorAddress, State.Size, (features & VirtioFeatures.IndirectDescriptors) != 0)
            && RingMemory.TryOpen(_memory, State.AvailableAddress, RingOffset + (size * sizeof(ushort)) + sizeof(ushort), sizeof(ushort), out _available)
            && RingMemory.TryOpen(_memory, State.UsedAddress, RingOffset + (size * UsedElementLength) + sizeof(ushort), sizeof(uint), out _used);
    }
}
