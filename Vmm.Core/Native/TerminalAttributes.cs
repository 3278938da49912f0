using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vmm.Core.Native;

/// <summary>struct termios.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TerminalAttributes
{
    internal uint InputFlags;
    internal uint OutputFlags;
    internal uint ControlFlags;
    internal uint LocalFlags;
    internal byte LineDiscipline;
    internal ControlCharacters Characters;
    internal uint InputSpeed;
    internal uint OutputSpeed;

    /// <summary>The c_cc array.</summary>
    [InlineArray(32)]
    internal struct ControlCharacters
    {
        private byte _first;
    }
}
