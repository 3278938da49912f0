using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Backends.Net;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Tests.Faults;
using Vmm.Tests.Unit.Devices.Virtio;

namespace Vmm.Tests.Unit.Backends.Net;

/// <summary>What tests of taps do with them.</summary>
internal static class Taps
{
    /// <summary>How long a header before a frame is.</summary>
    internal const int Header = 12;

    internal static string NewFile() => Path.Combine(TestContext.CurrentContext.WorkDirectory, $"tap-{Guid.NewGuid():N}");

    internal static string Script(string text)
    {
        string path = NewFile();
        File.WriteAllText(path, $"#!/bin/sh\n{text}\n");
        Permissions.OpenToAll(path);
        return path;
    }

    internal static NUnit.Framework.Constraints.IResolveConstraint Refused(string why) => Throws.TypeOf<NetException>().With.Message.Contains(why);

    internal static TapNetdev Open(TapNetdevConfiguration configuration)
    {
        var netdev = new TapNetdev(configuration, NullLogger.Instance);
        try
        {
            netdev.Open();
            return netdev;
        }
        catch
        {
            netdev.Dispose();
            throw;
        }
    }

    /// <summary>The number of a descriptor that is the back end's from here on.</summary>
    internal static int Number(SafeFileHandle handle)
    {
        int number = (int)handle.DangerousGetHandle();
        handle.SetHandleAsInvalid();
        return number;
    }

    /// <summary>Into how many of the queues the kernel puts frames.</summary>
    internal static int ActiveQueues(TapNetdev netdev) =>
        netdev.Export().Count(descriptor => (TapDevice.Ask(descriptor.Handle)!.Value.Flags & TapFlags.DetachQueue) == 0);

    internal static HandedOverDescriptors HandedOver(IEnumerable<HandoverDescriptor> descriptors)
    {
        var all = new HandedOverDescriptors();
        foreach (var descriptor in descriptors)
        {
            all.TryAdd(descriptor.Name, FileDescriptor.Duplicate(descriptor.Handle));
        }

        return all;
    }

    internal static byte[] Frame(byte fill)
    {
        byte[] frame = new byte[60];
        frame.AsSpan().Fill(fill);
        new byte[] { 0x52, 0x54, 0, 0, 0, fill, 0x52, 0x54, 0, 0, 0, 0xff, 0x88, 0xb5 }.CopyTo(frame, 0);
        return frame;
    }

    internal static int Send(TapNetdev netdev, byte[] bytes)
    {
        var ram = new RingRam();
        bytes.CopyTo(ram.At(0, bytes.Length));
        Assert.That(ram.TryLocate(0, (ulong)bytes.Length, out nint host), Is.True);
        int sent = netdev.QueueAt(0).Send([new NativeMethods.IoVector { Base = host, Length = (nuint)bytes.Length }], bytes.Length);
        GC.KeepAlive(ram);
        return sent;
    }

    /// <summary>The frame with that filling among those that the kernel sends by itself.</summary>
    internal static byte[]? NextOfHost(SafeFileHandle host, byte fill)
    {
        while (FileDescriptor.WaitFor(host, FdEvents.In, TimeSpan.FromSeconds(30)) != FdEvents.None && FrameSocket.Receive(host) is { } frame)
        {
            if (frame[20] == fill)
            {
                return frame;
            }
        }

        return null;
    }

    internal static byte[]? NextOfGuest(TapNetdev netdev, int header, byte fill)
    {
        byte[] buffer = new byte[NetQueue.LongestFrame];
        int got;
        while ((got = netdev.QueueAt(0).Receive(buffer)) > 0)
        {
            if (buffer[header + 20] == fill)
            {
                return buffer[header..got];
            }
        }

        return null;
    }
}
