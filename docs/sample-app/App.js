import { StatusBar } from "expo-status-bar";
import { useEffect, useState } from "react";
import { Pressable, StyleSheet, Text, View } from "react-native";

const FIRING_SECONDS = 10;

/** A kitchen timer for one imaginary kiln: tap to light it, tap again to put it out. */
export default function App() {
  const [left, setLeft] = useState(0);

  useEffect(() => {
    if (left === 0) {
      return undefined;
    }
    const tick = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(tick);
  }, [left]);

  const burning = left > 0;
  return (
    <View style={[styles.page, burning && styles.warm]}>
      <Text style={styles.title}>Kiln</Text>
      <Text style={styles.state}>{burning ? `firing, ${left} s left` : "cold"}</Text>
      <Pressable
        accessibilityRole="button"
        onPress={() => setLeft(burning ? 0 : FIRING_SECONDS)}
        style={styles.button}
      >
        <Text style={styles.label}>{burning ? "Put it out" : "Light it"}</Text>
      </Pressable>
      <StatusBar style="auto" />
    </View>
  );
}

const styles = StyleSheet.create({
  page: { flex: 1, alignItems: "center", justifyContent: "center", backgroundColor: "#f4efe6" },
  warm: { backgroundColor: "#f6c98f" },
  title: { fontSize: 40, fontWeight: "600", color: "#3a2a1d" },
  state: { marginVertical: 24, fontSize: 18, color: "#3a2a1d" },
  button: { paddingHorizontal: 28, paddingVertical: 14, borderRadius: 10, backgroundColor: "#a4451f" },
  label: { fontSize: 18, color: "#ffffff" },
});
