using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Chardevs;

internal static class TestPipe
{
    /// <summary>A pipe in blocking mode, as a shell makes one.</summary>
    internal static (SafeFileHandle ReadEnd, SafeFileHandle WriteEnd) Create()
    {
        using var server = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        var ends = (FileDescriptor.Duplicate(server.SafePipeHandle), FileDescriptor.Duplicate(server.ClientSafePipeHandle));
        server.DisposeLocalCopyOfClientHandle();
        return ends;
    }
}
