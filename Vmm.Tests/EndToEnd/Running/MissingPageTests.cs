using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>RAM whose pages the host cannot provide any more: the file that holds it was cut short.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class MissingPageTests : EndToEndTest
{
    private const long Counter = 0x200000;

    [Test]
    [Promise(35)]
    public async Task A_guest_whose_ram_was_cut_short_is_halted_and_the_next_reset_brings_it_back()
    {
        var vmm = await StartAsync(new ArgumentList
        {
            { "-machine", "microvm,memory-backend=ram0" },
            { "-m", "16M" },
            { "-object", "memory-backend-file,id=ram0,size=16M,mem-path=ram,share=on" },
            "-nodefaults",
            { "-kernel", Host.TinyGuest("counter") },
        }.With(TinyMachine.Monitor(TinyMachine.Qmp)));
        var qmp = await OpenQmpAsync(vmm);
        using var ram = File.OpenHandle(InFolder("ram"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        await CountsAsync(ram);

        Cut(ram, Counter);
        await qmp.WaitForEventAsync("STOP");
        string status = await StatusAsync(qmp);
        Cut(ram, TinyMachine.RamSize);
        await qmp.ExecuteAsync("system_reset");
        await qmp.ExecuteAsync("cont");

        await CountsAsync(ram);
        Assert.That((status, await StatusAsync(qmp)), Is.EqualTo(("internal-error", "running")));
        Assert.That(await vmm.ErrorsWithAsync("needs a reset"), Does.Match("the guest has stopped and needs a reset: vCPU 0: .*guest address 0x20000[0-7]"));
    }

    private static void Cut(SafeFileHandle file, long length)
    {
        using var stream = new FileStream($"/proc/self/fd/{file.DangerousGetHandle()}", FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        stream.SetLength(length);
    }

    private static async Task CountsAsync(SafeFileHandle ram)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        ulong before = Count(ram);
        while (Count(ram) <= before)
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    private static ulong Count(SafeFileHandle ram)
    {
        byte[] bytes = new byte[8];
        return RandomAccess.Read(ram, bytes, Counter) == bytes.Length ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
    }

    private static async Task<string> StatusAsync(QmpClient qmp) => (await qmp.ExecuteAsync("query-status")).GetProperty("status").GetString()!;
}
