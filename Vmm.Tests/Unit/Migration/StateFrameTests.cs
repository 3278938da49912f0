using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
public sealed class StateFrameTests
{
    private const ulong Attempt = 0x0011_2233_4455_6677;

    [Test]
    public void A_head_has_these_bytes()
    {
        byte[] head = new byte[StateFrame.Size];
        StateFrame.WriteHead(head, Attempt, 0x1234);

        Assert.That(Convert.ToHexStringLower(head), Is.EqualTo("564d4d73" + "00000001" + "0011223344556677" + "0000000000001234"));
        Assert.That(StateFrame.ReadHead(head, Attempt), Is.EqualTo(0x1234));
    }

    [Test]
    public void An_end_record_has_these_bytes()
    {
        byte[] end = new byte[StateFrame.Size];
        StateFrame.WriteEnd(end, Attempt, "123456789"u8);

        // The check value of CRC-32C over "123456789" is e3069283.
        Assert.That(Convert.ToHexStringLower(end), Is.EqualTo("564d4d65" + "e3069283" + "0011223344556677" + "0000000000000009"));
    }

    [Test]
    public void Every_flipped_bit_of_a_head_is_noticed()
    {
        for (int bit = 0; bit < StateFrame.Size * 8; bit++)
        {
            byte[] head = new byte[StateFrame.Size];
            StateFrame.WriteHead(head, Attempt, 100);
            head[bit / 8] ^= (byte)(1 << (bit % 8));
            try
            {
                int length = StateFrame.ReadHead(head, Attempt);
                Assert.That(bit / 8, Is.GreaterThanOrEqualTo(16), "only a length within reason passes, and the end record denies it");
                Assert.That(length, Is.Not.EqualTo(100));
            }
            catch (HandoverException)
            {
                // Noticed.
            }
        }
    }

    [Test]
    [Promise(4)]
    public void Every_flipped_bit_of_state_or_end_record_is_noticed()
    {
        byte[] state = [.. Enumerable.Range(0, 37).Select(i => (byte)i)];
        byte[] end = new byte[StateFrame.Size];
        StateFrame.WriteEnd(end, Attempt, state);
        StateFrame.VerifyEnd(end, Attempt, state);
        for (int bit = 0; bit < (state.Length + StateFrame.Size) * 8; bit++)
        {
            byte[] both = [.. state, .. end];
            both[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.That(
                () => StateFrame.VerifyEnd(both.AsSpan(state.Length), Attempt, both.AsSpan(0, state.Length)),
                Throws.TypeOf<HandoverException>(),
                $"bit {bit}");
        }
    }

    [Test]
    public void An_end_record_of_another_attempt_is_refused()
    {
        byte[] end = new byte[StateFrame.Size];
        StateFrame.WriteEnd(end, Attempt, [1, 2]);
        Assert.That(() => StateFrame.VerifyEnd(end, Attempt + 1, [1, 2]), Throws.TypeOf<HandoverException>());
    }
}
