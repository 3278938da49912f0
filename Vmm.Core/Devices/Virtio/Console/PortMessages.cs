// The control messages about a port: which there are, and which were not sent yet.
//
// The driver provides the buffers that messages are written into, and may provide none for as long as it likes. So no message is queued: a
// bit for each announcement says that it is due, and its contents are made when it is sent. Opening and closing of the host's
// end must not be merged into nothing, for a client that goes and another one that comes are two to the guest's software. But an even number of
// changes says no more than two, and an odd one no more than one, so 0, 1 or 2 is counted, and every message differs from the one before.

using System.Buffers.Binary;
using Vmm.Core.Chardevs;
using static Vmm.Core.Devices.Virtio.Console.ConsoleRegisters;

namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>The messages about a port that wait to be sent. Guarded by the port's gate.</summary>
/// <param name="state">Where they are.</param>
/// <param name="isConsole">Whether the port is a console.</param>
/// <param name="name">The port's name as a message ends with it; empty for one without a name.</param>
internal readonly struct PortMessages(PortState state, bool isConsole, byte[] name)
{
    /// <summary>That there is a port.</summary>
    internal const byte Add = 1;

    /// <summary>That it is a console.</summary>
    internal const byte Console = 2;

    /// <summary>Its name.</summary>
    internal const byte Name = 4;

    /// <summary>How large its terminal is.</summary>
    internal const byte Size = 8;

    /// <summary>Those that every driver may get.</summary>
    internal const byte Always = Add | Console | Name;

    /// <summary>Bytes of a size: columns and rows.</summary>
    internal const int SizeLength = 2 * sizeof(ushort);

    internal const byte MostOpenChanges = 2;

    internal bool IsAny => state.Announcements != 0 || state.OpenChanges != 0;

    /// <summary>The driver asks which ports there are.</summary>
    internal void DriverIsReady() => state.Announcements |= Add;

    /// <summary>The driver has set the port up, and believes that the host's end is closed.</summary>
    /// <param name="hasSize">Whether it is to know how large the terminal is.</param>
    internal void DriverHasSetUp(bool hasSize)
    {
        state.GuestReady = true;
        state.Announcements |= (byte)((isConsole ? Console : 0) | (name.Length > 0 ? Name : 0) | (hasSize ? Size : 0));
        state.OpenChanges = state.HostOpen ? (byte)1 : (byte)0;
    }

    /// <summary>The terminal's size has changed.</summary>
    /// <returns>Whether the driver is to know now; one that has not set the port up yet learns it when it does.</returns>
    internal bool SizeChanged()
    {
        state.Announcements |= state.GuestReady ? Size : (byte)0;
        return state.GuestReady;
    }

    /// <summary>The host's end is open or closed.</summary>
    /// <returns>Whether that is new.</returns>
    internal bool HostIs(bool open)
    {
        if (state.HostOpen == open)
        {
            return false;
        }

        state.HostOpen = open;
        if (state.GuestReady)
        {
            state.OpenChanges = state.OpenChanges == 1 ? MostOpenChanges : (byte)1;
        }

        return true;
    }

    /// <summary>Writes the message that is due first, which then is not due any more.</summary>
    /// <param name="buffer">Room for the fixed part and the name, or a size.</param>
    /// <param name="size">How large the terminal is.</param>
    /// <returns>Its length; 0 if none is due.</returns>
    internal int Take(Span<byte> buffer, ConsoleSize size)
    {
        if (IsDue(Add))
        {
            return Write(buffer, PortAdd, 1);
        }

        if (IsDue(Console))
        {
            return Write(buffer, ConsolePort, 1);
        }

        if (IsDue(Name))
        {
            name.CopyTo(buffer[ControlMessage.Length..]);
            return Write(buffer, PortName, 1) + name.Length;
        }

        if (IsDue(Size))
        {
            // The order of the specification. Linux before 6.15 takes the first for the rows.
            BinaryPrimitives.WriteUInt16LittleEndian(buffer[ControlMessage.Length..], size.Columns);
            BinaryPrimitives.WriteUInt16LittleEndian(buffer[(ControlMessage.Length + sizeof(ushort))..], size.Rows);
            return Write(buffer, PortResize, 0) + SizeLength;
        }

        if (state.OpenChanges > 0)
        {
            bool open = state.HostOpen == (state.OpenChanges == 1);
            state.OpenChanges--;
            return Write(buffer, PortOpen, open ? (ushort)1 : (ushort)0);
        }

        return 0;
    }

    private bool IsDue(byte announcement)
    {
        bool isDue = (state.Announcements & announcement) != 0;
        state.Announcements &= (byte)~announcement;
        return isDue;
    }

    private int Write(Span<byte> buffer, ushort message, ushort value)
    {
        new ControlMessage(state.Number, message, value).Write(buffer);
        return ControlMessage.Length;
    }
}
