using System.Runtime.InteropServices;
using Vmm.Core.Hypervisors;

namespace Vmm.Tests.Unit.Machines;

/// <summary>Doorbells that are never rung.</summary>
internal sealed class FakeDoorbells : IDoorbells
{
    public IDisposable Bind(ulong address, uint value, SafeHandle eventFd) => new MemoryStream();
}
