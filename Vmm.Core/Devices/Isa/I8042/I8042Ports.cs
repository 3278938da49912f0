namespace Vmm.Core.Devices.Isa.I8042;

/// <summary>Ports, commands and bits of the keyboard controller. Source: IBM PS/2 technical reference, keyboard controller.</summary>
public static class I8042Ports
{
    /// <summary>Data port.</summary>
    public const ushort Data = 0x60;

    /// <summary>Status when read, command when written.</summary>
    public const ushort Command = 0x64;

    internal const byte StatusOutputFull = 0x01;
    internal const byte StatusSelfTested = 0x04;
    internal const byte StatusCommandLast = 0x08;
    internal const byte StatusUnlocked = 0x10;

    internal const byte ReadMode = 0x20;
    internal const byte WriteMode = 0x60;
    internal const byte DisableAux = 0xa7;
    internal const byte EnableAux = 0xa8;
    internal const byte TestAux = 0xa9;
    internal const byte SelfTest = 0xaa;
    internal const byte TestKeyboard = 0xab;
    internal const byte DisableKeyboard = 0xad;
    internal const byte EnableKeyboard = 0xae;
    internal const byte ReadOutputPort = 0xd0;
    internal const byte WriteOutputPort = 0xd1;

    /// <summary>From here on a command pulses the output lines whose bits, 0 to 3, are clear.</summary>
    internal const byte FirstPulse = 0xf0;

    internal const byte SelfTestPassed = 0x55;
    internal const byte InterfaceTestPassed = 0x00;
    internal const byte InterfaceStuck = 0x01;

    internal const byte ModeSelfTested = 0x04;
    internal const byte ModeKeyboardDisabled = 0x10;
    internal const byte ModeAuxDisabled = 0x20;

    /// <summary>Output port: low resets the processor.</summary>
    internal const byte LineReset = 0x01;
    internal const byte LineA20 = 0x02;
}
