using Vmm.Core.State;

namespace Vmm.Migration.Exec;

/// <summary>A command line in a record: u32 count, and of each argument u32 length and its bytes, which need not be text.</summary>
internal static class ExecArguments
{
    internal static void Write(StateWriter writer, IReadOnlyList<byte[]> arguments)
    {
        writer.WriteUInt32((uint)arguments.Count);
        foreach (byte[] argument in arguments)
        {
            writer.WriteUInt32((uint)argument.Length);
            writer.WriteBytes(argument);
        }
    }

    /// <exception cref="StateException">The bytes are none. How many there may be is the kernel's to say; there are no more than bytes.</exception>
    internal static List<byte[]> Read(StateReader reader)
    {
        uint count = reader.ReadUInt32();
        var arguments = new List<byte[]>();
        while (arguments.Count < count)
        {
            uint length = reader.ReadUInt32();
            if (length > (uint)reader.Remaining)
            {
                throw new StateException($"argument {arguments.Count} of the record has {length} bytes, {reader.Remaining} are left");
            }

            arguments.Add(reader.ReadBytes((int)length).ToArray());
        }

        return arguments;
    }
}
