using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Makes two connected unix stream sockets.</summary>
internal static class SocketPair
{
    internal static (SafeFileHandle One, SafeFileHandle Other) Create()
    {
        string directory = Directory.CreateTempSubdirectory("vmm-").FullName;
        try
        {
            string path = Path.Combine(directory, "s");
            using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen();
            var one = UnixSocket.Create();
            UnixSocket.Connect(one, path);
            using var accepted = listener.Accept();
            return (one, FileDescriptor.Duplicate(accepted.SafeHandle));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
