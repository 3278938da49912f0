namespace Vmm.Core.Devices.Virtio.Console;

/// <summary>Features, configuration space and control events of a virtio console. Source: virtio 1.2, section 5.3.</summary>
internal static class ConsoleRegisters
{
    /// <summary>VIRTIO_CONSOLE_F_SIZE: the device says how large the terminal is.</summary>
    internal const ulong Size = 1UL << 0;

    /// <summary>VIRTIO_CONSOLE_F_MULTIPORT: ports beside the first, and the control queues.</summary>
    internal const ulong MultiPort = 1UL << 1;

    /// <summary>VIRTIO_CONSOLE_F_EMERG_WRITE: a driver may write a character without any queue.</summary>
    internal const ulong EmergencyWrite = 1UL << 2;

    internal const int ConfigurationLength = 12;
    internal const int ColumnsOffset = 0;
    internal const int RowsOffset = 2;
    internal const int MostPortsOffset = 4;
    internal const int EmergencyWriteOffset = 8;

    /// <summary>From the driver: it is set up; the device answers with its ports.</summary>
    internal const ushort DeviceReady = 0;

    /// <summary>To the driver: there is a port.</summary>
    internal const ushort PortAdd = 1;

    /// <summary>From the driver: it has set the port up; the device answers with what there is to know of it.</summary>
    internal const ushort PortReady = 3;

    /// <summary>To the driver: the port is a console.</summary>
    internal const ushort ConsolePort = 4;

    /// <summary>To the driver: how large the port's terminal is.</summary>
    internal const ushort PortResize = 5;

    /// <summary>Both ways: whether the sender's end of the port is open.</summary>
    internal const ushort PortOpen = 6;

    /// <summary>To the driver: the port's name.</summary>
    internal const ushort PortName = 7;
}
