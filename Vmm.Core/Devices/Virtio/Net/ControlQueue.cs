// The queue of commands by which the driver says what it wants: which frames, which address, how many queues, which offloads. Each is answered by a byte.
// A command that says nothing known, or nothing that can be, is answered with an error; only one without a head, or without room for the answer, breaks
// the device. The thread that serves the queue carries a command out before it answers.
//
// Informing the host takes a lock of all its interfaces, and who stops the queue waits for the end of the turn: so with a command of that kind it ends.

using System.Buffers.Binary;
using static Vmm.Core.Devices.Virtio.Net.NetRegisters;

namespace Vmm.Core.Devices.Virtio.Net;

/// <summary>Carries out the driver's commands. The thread that serves the queue only; allocates nothing.</summary>
/// <param name="device">The device that they are for.</param>
/// <param name="filter">Which frames the driver wants.</param>
/// <param name="longestChain">The most descriptors of a chain.</param>
internal sealed class ControlQueue(NetDevice device, RxFilter filter, int longestChain)
{
    internal const int MostCommandsInOneTurn = 16;

    private readonly DescriptorChain _chain = new(longestChain);
    private readonly ControlCommand _command = new();

    /// <summary>Carries out as many commands as one turn may.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="isBroken">Whether the driver has broken a rule.</param>
    /// <returns>Whether there may be more to do at once.</returns>
    internal bool Serve(VirtQueue queue, out bool isBroken)
    {
        isBroken = false;
        for (int turn = 0; turn < MostCommandsInOneTurn; turn++)
        {
            var taken = queue.Take(_chain);
            if (taken == ChainOutcome.None)
            {
                return queue.RequestKicks();
            }

            if (taken == ChainOutcome.Broken || _chain.Writable.IsEmpty || !_command.TryRead(queue, _chain))
            {
                isBroken = true;
                return false;
            }

            long informed = device.TimesHostInformed;
            byte answer = _command.IsWhole && TryDo() ? Ok : Error;
            if (!queue.TryWrite(_chain.Writable[0].Address, [answer]))
            {
                isBroken = true;
                return false;
            }

            queue.Push(_chain.Head, sizeof(byte));
            if (device.TimesHostInformed != informed)
            {
                return true;
            }
        }

        return true;
    }

    private bool TryDo() => _command.Class switch
    {
        ClassRx => TrySetMode(),
        ClassMac => TrySetAddresses(),
        ClassVlan => TrySetVlan(),
        ClassAnnounce => _command.Command == AnnounceAcknowledge && device.TryEndAnnouncement(),
        ClassMultiQueue => TrySetPairs(),
        ClassGuestOffloads => TrySetOffloads(),
        _ => false,
    };

    private bool TrySetMode()
    {
        bool isDone = _command.Data.Length >= 1 && filter.TrySetMode(_command.Command, _command.Data[0] != 0);
        return isDone && Changed();
    }

    private bool TrySetAddresses()
    {
        var data = _command.Data;
        if (_command.Command == MacAddressSet && data.Length == MacLength && FilterState.IsStation(data))
        {
            filter.SetMac(data);
            return Changed();
        }

        if (_command.Command == MacTableSet && _command.TryTables(out var stations, out var groups))
        {
            filter.SetTables(stations, groups);
            return Changed();
        }

        return false;
    }

    private bool TrySetVlan()
    {
        if (_command.Command is not (VlanAdd or VlanDelete) || !BinaryPrimitives.TryReadUInt16LittleEndian(_command.Data, out ushort vlan) || vlan >= MostVlans)
        {
            return false;
        }

        filter.SetVlan(vlan, _command.Command == VlanAdd);
        return Changed();
    }

    private bool TrySetPairs() =>
        _command.Command == PairsSet && BinaryPrimitives.TryReadUInt16LittleEndian(_command.Data, out ushort pairs) && device.TryUsePairs(pairs);

    private bool TrySetOffloads() =>
        _command.Command == GuestOffloadsSet && BinaryPrimitives.TryReadUInt64LittleEndian(_command.Data, out ulong offloads) && device.TryUseOffloads(offloads);

    private bool Changed()
    {
        device.FilterHasChanged();
        return true;
    }
}
